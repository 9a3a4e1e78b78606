"""From a model's source to a model that is ready to be looked into: loaded, inspected, and checked against the plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel

from neuronscope.capture.parity import measure
from neuronscope.core.errors import UnsupportedModel
from neuronscope.models.loading import loader
from neuronscope.runtime.freeing import release_memory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from neuronscope.models.loaded import LoadedModel
    from neuronscope.models.loading.sources import ModelSource


def open_model(source: ModelSource, **options: Any) -> LoadedModel:
    """Load it and measure its parity. Options and errors as in :func:`neuronscope.models.loading.loader.load`.

    What reading and checking it have left in the heap goes back to the system: in 4 bits that is up to half the model,
    more in one process than in another.
    """
    loaded = _checked(loader.load(source, **options))
    release_memory()
    return loaded


def wrap_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, model_id: str | None = None, **options: Any
) -> LoadedModel:
    """The same for a model that is in memory already. Options as in :func:`neuronscope.models.loading.loader.wrap`."""
    if not isinstance(model, PreTrainedModel):
        raise UnsupportedModel(
            f"{type(model).__name__} is no model of transformers.",
            "Wrap what AutoModelForCausalLM.from_pretrained gives, with its tokenizer.",
        )
    return _checked(loader.wrap(model, tokenizer, model_id, **options))


def _checked(loaded: LoadedModel) -> LoadedModel:
    loaded.parity = measure(loaded)
    return loaded
