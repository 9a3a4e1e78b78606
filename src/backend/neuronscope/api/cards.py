"""Model cards as the routes send them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from neuronscope.api.schemas.cards import ModelCard
from neuronscope.api.services import Services

if TYPE_CHECKING:
    from neuronscope.models.loaded import LoadedModel

# Norms of every weight of a 7 B model take seconds, and never change while it is loaded.
_cards: WeakKeyDictionary[LoadedModel, ModelCard] = WeakKeyDictionary()


def model_card(services: Services, model_id: str | None) -> ModelCard:
    """The card of a model, loaded if need be."""
    return services.engine.run(services.present(model_id), _card)


def _card(loaded: LoadedModel) -> ModelCard:
    from neuronscope.models.card import describe

    card = _cards.get(loaded)
    if card is None:
        card = _cards[loaded] = ModelCard.model_validate(asdict(describe(loaded)))
    return card
