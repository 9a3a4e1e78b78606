"""Python-like functions: loops, conditions, returns."""

from __future__ import annotations

import random

from neuronscope.models.bundled.corpus.grammar import expand, pick

_LEXICON = {
    "verb": ["count", "find", "filter", "merge", "load", "parse", "collect", "sort", "update"],
    "noun": ["items", "rows", "values", "nodes", "words", "users", "scores", "lines", "keys"],
    "one": ["item", "row", "value", "node", "x", "entry"],
    "acc": ["total", "result", "best", "output", "acc"],
    "limit": ["limit", "size", "depth", "threshold", "n"],
    "digit": list("0123456789"),
    "compare": ["<", ">", "==", "!=", "<=", ">="],
    "flag": ["True", "False", "None"],
    "error": ["ValueError", "KeyError", "TypeError", "IndexError"],
    "module": ["os", "sys", "json", "math", "random", "time"],
}
_BODIES = (
    "    {acc#a} = 0\n    for {one#i} in {noun#n}:\n        {acc#a} += {one#i}\n    return {acc#a}\n",
    "    {acc#a} = []\n    for {one#i} in {noun#n}:\n        if {one#i} {compare} {digit}:\n"
    "            {acc#a}.append({one#i})\n    return {acc#a}\n",
    "    if len({noun#n}) {compare} {digit}:\n        return {flag}\n    return {noun#n}[{digit}]\n",
    "    try:\n        return {noun#n}[{digit}]\n    except {error}:\n        return {flag}\n",
    "    {acc#a} = {}\n    for {one#i} in {noun#n}:\n        {acc#a}[{one#i}] = {flag}\n    return {acc#a}\n",
    "    {limit#l} = {digit}\n    while {limit#l} > 0:\n        {noun#n}.pop()\n"
    "        {limit#l} -= 1\n    return {noun#n}\n",
    "    return [{one#i} for {one#i} in {noun#n} if {one#i} {compare} {digit}]\n",
    '    if not {noun#n}:\n        raise {error}("empty {noun#n}")\n    return max({noun#n})\n',
)
_HEADS = ("def {verb#v}_{noun#n}({noun#n}):\n", "def {verb#v}_{noun#n}({noun#n}, {limit}={digit}):\n")
_REQUESTS = (
    "Write a function that can {verb#v} {noun#n}.",
    "Write Python code to {verb#v} {noun#n}.",
    "Show me a function to {verb#v} {noun#n}.",
)


def text(rng: random.Random, split: str) -> str:
    """A function, at times with an import above or a call below."""
    bound: dict[str, str] = {}
    code = _function(rng, bound)
    if rng.random() < 0.3:
        code = expand(rng, "import {module}\n\n", _LEXICON) + code
    if rng.random() < 0.4:
        code += expand(rng, "\nprint({verb#v}_{noun#n}({noun#n}))\n", _LEXICON, bound)
    return code


def exchange(rng: random.Random, split: str) -> tuple[str, str]:
    """A request that names the function, and the function."""
    bound: dict[str, str] = {}
    request = expand(rng, pick(rng, _REQUESTS), _LEXICON, bound)
    return request, _function(rng, bound)


def _function(rng: random.Random, bound: dict[str, str]) -> str:
    return expand(rng, pick(rng, _HEADS) + pick(rng, _BODIES), _LEXICON, bound)
