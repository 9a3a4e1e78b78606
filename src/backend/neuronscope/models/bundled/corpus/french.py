"""Short French phrases."""

from __future__ import annotations

import random

from neuronscope.models.bundled.corpus.grammar import between, expand, pick

_LEXICON = {
    "le": ["le chat", "le chien", "le pain", "le jardin", "le livre", "le fromage", "le train"],
    "la": ["la maison", "la fleur", "la rue", "la table", "la lune", "la porte", "la mer"],
    "adjm": ["petit", "grand", "beau", "blanc", "noir", "vert", "nouveau"],
    "adjf": ["petite", "grande", "belle", "blanche", "noire", "verte", "nouvelle"],
    "who": ["Marie", "Pierre", "Sophie", "Luc", "Camille", "mon frère", "ma sœur", "le voisin"],
    "aime": ["aime", "regarde", "cherche", "voit", "trouve", "dessine"],
    "quand": ["aujourd'hui", "demain", "ce soir", "le matin", "toujours", "parfois", "en été"],
    "lieu": ["à la gare", "au marché", "dans la forêt", "à l'école", "chez nous", "en ville"],
    "verbe": ["mange", "chante", "travaille", "dort", "marche", "attend", "lit", "joue"],
    "chose": ["du café", "de l'eau", "des pommes", "du beurre", "une lettre", "un gâteau"],
}
_PHRASES = (
    "{^who} {aime} {la}.",
    "{^who} {aime} {le}.",
    "{^who} {verbe} {lieu}.",
    "{^quand}, {who} {verbe} {lieu}.",
    "{^le} est {adjm}.",
    "{^la} est {adjf}.",
    "Je voudrais {chose}, s'il vous plaît.",
    "Nous avons {chose} et {chose}.",
    "Où est {la} ?",
    "Il y a {chose} sur {la}.",
    "Elle n'est pas {lieu}, mais {who} est là.",
    "Bonjour, comment allez-vous {quand} ?",
    "Il fait beau {quand}.",
)
_REQUESTS = (
    "Parlez-moi en français.",
    "Dites quelque chose en français.",
    "Bonjour ! Parlez-vous français ?",
    "Say something in French.",
)


def text(rng: random.Random, split: str) -> str:
    """One to four phrases."""
    return _phrases(rng, between(rng, 1, 4))


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A request and one to three phrases."""
    return pick(rng, _REQUESTS), _phrases(rng, between(rng, 1, 3))


def _phrases(rng: random.Random, count: int) -> str:
    return " ".join(expand(rng, pick(rng, _PHRASES), _LEXICON) for _ in range(count))
