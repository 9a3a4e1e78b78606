from __future__ import annotations

import pickle

from neuronscope.core.errors import Conflict


def test_a_traceback_shows_the_hint() -> None:
    assert str(Conflict("That is so.", "Do this.")) == "That is so. Do this."
    assert str(Conflict("That is so.")) == "That is so."


def test_an_answer_holds_message_and_hint_apart() -> None:
    error = Conflict("That is so.", "Do this.")
    assert error.to_dict() == {"code": "conflict", "message": "That is so.", "hint": "Do this."}
    assert pickle.loads(pickle.dumps(error)).to_dict() == error.to_dict()  # noqa: S301
