"""The Python interface: ``ns.load``, ``ns.wrap`` and what a loaded model can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronscope.capture.forward import capture_prompt
from neuronscope.core.address import Unit
from neuronscope.core.capture_config import CaptureConfig
from neuronscope.core.errors import BadRequest
from neuronscope.core.generation import GenerateRequest
from neuronscope.models.loaded import LoadedModel
from neuronscope.models.loading.recipe import Recipe
from neuronscope.models.loading.sources import BUNDLED_ID, SourcesAndPaths
from neuronscope.models.parity import Parity
from neuronscope.runtime.calibration import BOUND, DOCUMENTS, PER_LAYER
from neuronscope.runtime.keeping import Keeping
from neuronscope.runtime.opening import open_model, wrap_model
from neuronscope.runtime.workspace import Workspace
from neuronscope.traces.store import Trace

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from neuronscope.core.group import Group, MadeBy
    from neuronscope.core.intervention import Intervention
    from neuronscope.core.trace_config import TraceConfig
    from neuronscope.corpus.cluster import Cluster
    from neuronscope.models.cards.card import Card
    from neuronscope.models.cards.writes import Writes
    from neuronscope.runtime.calibration import Calibration
    from neuronscope.runtime.run import Generated, Run
    from neuronscope.runtime.scoped_index import ScopedIndex


class Scope:
    """A model under the lens. Traces and indexes go into the workspace (``NEURONSCOPE_HOME``, else the user data folder)."""

    def __init__(self, loaded: LoadedModel, workspace: Workspace | None = None, recipe: Recipe | None = None) -> None:
        self.loaded = loaded
        self.recipe = recipe
        self.workspace = workspace or Workspace.default()

    @property
    def model_id(self) -> str:
        return self.loaded.model_id

    @property
    def layers(self) -> int:
        """Number of blocks."""
        return self.loaded.anatomy.layer_count

    @property
    def neurons(self) -> int | None:
        """Neurons of a layer (the widest one's, where they differ); ``None`` in models without plain MLPs."""
        return self.loaded.anatomy.d_mlp

    @property
    def parity(self) -> Parity | None:
        """How far the tapped model is from the plain Hugging Face one, measured when it was loaded."""
        return self.loaded.parity

    def points(self) -> list[str]:
        """Addresses that this model serves."""
        return [str(address) for address in self.loaded.anatomy.sites]

    def card(self) -> Card:
        """What the model is made of and computes: block diagram, equations, parameters by part, tokenizer, parity."""
        from neuronscope.models.cards.card import describe

        return describe(self.loaded)

    def weights(self) -> dict[str, Any]:
        """Histograms, norms, dead and duplicate neurons of every layer; measured once, then kept in the workspace.

        Fields as in :class:`neuronscope.models.cards.weights.WeightReport`.
        """
        from neuronscope.runtime.weights import measure

        return measure(self.workspace, self.loaded)

    def writes(self, unit: str, k: int = 10) -> Writes:
        """The ``k`` tokens that a unit directly raises most and those that it lowers most, read off the weights.

        Errors as in :func:`neuronscope.models.cards.writes.writes`.
        """
        from neuronscope.models.cards.writes import writes

        return writes(self.loaded, Unit.parse(unit), k)

    @property
    def traces(self) -> Keeping:
        """The traces of the workspace, of all models: to list, pin, delete and take in, and to set a limit."""
        return Keeping(self.workspace.traces)

    def capture(
        self,
        prompt: str,
        points: Sequence[str] | None = None,
        layers: Sequence[int] | None = None,
        *,
        config: CaptureConfig | Mapping[str, Any] | None = None,
    ) -> Trace:
        """Run a prompt once and keep what the points held; by default the neurons and the residual stream.

        ``trace["mlp_act.7"]`` is float32 ``[position, neuron]``, and exact unless ``config={"quantization": "f16"}`` says
        otherwise. Errors as in :class:`~neuronscope.core.capture_config.CaptureConfig` and
        :func:`~neuronscope.capture.forward.capture_prompt`.
        """
        if not isinstance(prompt, str):
            raise BadRequest(f"The prompt is a {type(prompt).__name__}.", "Give one text; call again for another.")
        asked = CaptureConfig.of(config, points, layers)
        trace = capture_prompt(self.loaded, prompt, asked, self.workspace.traces)
        self.traces.tidy()
        return trace

    def stream(
        self,
        prompt: str | None = None,
        *,
        config: TraceConfig | Mapping[str, Any] | None = None,
        interventions: Sequence[Intervention | Mapping[str, Any]] = (),
        record: bool = True,
        **request: Any,
    ) -> Run:
        """A run to iterate over: each token as it comes, with what the taps saw of its step.

        ``request`` is what :class:`~neuronscope.core.generation.GenerateRequest` takes: ``messages`` in place of a prompt,
        ``max_new_tokens``, ``temperature``, ``top_k``, ``top_p``, ``seed``, ``stop``. ``config`` says what is kept, as
        :class:`~neuronscope.core.trace_config.TraceConfig`. Errors as in :class:`neuronscope.capture.generate.Generation`;
        what goes wrong later is the run's last event.
        """
        from neuronscope.capture.generate import Generation
        from neuronscope.runtime.references import lookup
        from neuronscope.runtime.run import Run

        asked = GenerateRequest.of({"prompt": prompt, **request})
        found = lookup(self.loaded, self.workspace)
        generation = Generation(self.loaded, asked, config, interventions, found)
        return Run(generation, self.workspace.traces if record else None)

    def generate(
        self,
        prompt: str | None = None,
        *,
        config: TraceConfig | Mapping[str, Any] | None = None,
        interventions: Sequence[Intervention | Mapping[str, Any]] = (),
        record: bool = True,
        **request: Any,
    ) -> Generated:
        """Generate to the end: the text, its tokens, and the trace of the run.

        ``prompt`` is text to go on with; or ``messages=[{"role": "user", "content": …}]``, a conversation through the
        chat template. ``max_new_tokens`` (64) ends it, as do the model's own end tokens (unless ``ignore_eos=True``) and
        those of ``stop``, ids or texts that are one token. ``temperature`` (0) takes the likeliest token; above 0 one is
        drawn, from the ``top_k`` likeliest and the smallest set that holds ``top_p`` of the probability, by ``seed``.
        ``compiled=True`` replays each token's pass as one CUDA graph: several times as fast, on an NVIDIA card.

        ``config`` says what is recorded of each step, fields as in :class:`~neuronscope.core.trace_config.TraceConfig`:
        by default statistics of every live point and the strongest values of some, in at most 50,000 bytes a step or
        4,000 a layer. With ``{"capture_mode": "full", "points": ["mlp_act"]}`` the result's ``trace["mlp_act.2"]`` is
        float32 ``[position, neuron]`` over the prompt and all generated tokens but the last, which nothing has read;
        values are kept as f16 unless ``"quantization": "f32"``. ``trace.values(step, address)`` is what one step kept.

        ``interventions`` are in force from the first pass: mappings with ``units`` (``address:index``) or ``group_id``,
        ``op`` and ``value``, as :class:`~neuronscope.core.intervention.Intervention`; ``receipts`` tell what they did,
        ``unfired`` which never acted. ``logprobs`` are natural logarithms, before temperature. With ``record=False``
        no trace is kept.

        Raises :class:`BadRequest` for a value out of range or an empty prompt, :class:`TooLarge` for one beyond the
        context, :class:`BadAddress` and :class:`PointUnavailable` for units or points that the model lacks,
        :class:`ProtectedUnit`, :class:`NotFound` for an id that is unknown, and what made the run fail.
        """
        from neuronscope.runtime.run import collect

        run = self.stream(prompt, config=config, interventions=interventions, record=record, **request)
        return collect(run, self.loaded)

    def index(
        self,
        corpus: str | Path = "bundled",
        k: int = 32,
        layers: Sequence[int] | None = None,
        documents: int | None = None,
        field: str = "text",
        points: Sequence[str] | None = None,
        cluster: Cluster | None = None,
    ) -> ScopedIndex:
        """The exact ``k`` strongest contexts of every neuron over a corpus: a text or JSONL file, or ``"bundled"``.

        ``points`` are indexed instead of neurons: ``["resid_post"]``, ``["head_norm.2"]`` or several. ``field`` is what
        holds the text in each line of a JSONL file. ``cluster`` (:class:`neuronscope.corpus.cluster.Cluster`) lets
        several processes or machines build it.
        An index of the same model, corpus and settings that already exists is opened, not built again.
        """
        from neuronscope.runtime.indexing import find_or_build
        from neuronscope.runtime.scoped_index import ScopedIndex

        asked: dict[str, Any] = {"k": k, "points": points, "layers": layers, "documents": documents, "field": field}
        found = find_or_build(self.loaded, self.workspace, corpus, **asked, cluster=cluster, recipe=self.recipe)
        return ScopedIndex(found.folder, found.manifest, self.loaded)

    def groups(self) -> list[Group]:
        """Saved sets of units of this model, newest first; those of other weights, or another precision, are left out."""
        from neuronscope.runtime.groups import list_groups

        return [group for group in list_groups(self.workspace) if group.model_key == self.loaded.key]

    def make_group(
        self, name: str, units: Sequence[str], made_by: MadeBy = "hand", index_id: str | None = None
    ) -> Group:
        """Keep units under a name; its ``group_id`` stands for them in interventions.

        Errors as in :func:`neuronscope.runtime.groups.make_group`.
        """
        from neuronscope.runtime.groups import make_group

        return make_group(self.workspace, self.loaded, name, units, made_by, index_id)

    def change_group(
        self, group_id: str, *, name: str | None = None, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Group:
        """Rename a group, take units in or leave units out; errors as in :func:`neuronscope.runtime.groups.change_group`."""
        from neuronscope.runtime.groups import change_group

        return change_group(self.workspace, group_id, name=name, add=add, remove=remove, loaded=self.loaded)

    def calibrate(
        self,
        corpus: str | Path = "bundled",
        *,
        text: str | None = None,
        points: Sequence[str] | None = None,
        per_layer: int | None = PER_LAYER,
        bound: float = BOUND,
        documents: int = DOCUMENTS,
        field: str = "text",
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Calibration:
        """Find the units whose ablation alone raises the loss beyond ``bound``, and protect them from interventions.

        Tested on the first ``documents`` of a corpus, or on a ``text``; the rest as in
        :func:`neuronscope.runtime.calibration.calibrate`.
        """
        from neuronscope.corpus.readers import from_texts
        from neuronscope.runtime.calibration import calibrate
        from neuronscope.runtime.indexing import open_corpus

        texts = open_corpus(corpus, documents, field) if text is None else from_texts([text], "a text")
        asked: dict[str, Any] = {"points": points, "per_layer": per_layer, "bound": bound, "progress": progress}
        return calibrate(self.workspace, self.loaded, texts, **asked)

    @property
    def calibration(self) -> Calibration | None:
        """What :meth:`calibrate` found for these very weights; ``None``, and no unit protected, where it was not asked."""
        from neuronscope.runtime.calibration import kept

        return kept(self.workspace, self.loaded.key)

    def __repr__(self) -> str:
        loaded, a = self.loaded, self.loaded.anatomy
        neurons = f" of {a.d_mlp} neurons" if a.d_mlp else ""
        form = loaded.dtype if loaded.quantization == "none" else f"{loaded.quantization} in {loaded.dtype}"
        return f"<Scope on {self.model_id}: {a.layer_count} layers{neurons}, {form}>"


def load(
    ref: str | Path = BUNDLED_ID,
    *,
    dtype: str | torch.dtype | None = None,
    quantization: str | None = None,
    device: str | None = None,
    revision: str | None = None,
    modules: Mapping[str, str] | None = None,
    progress: Callable[[int, int | None, str], None] | None = None,
    workspace: Workspace | None = None,
) -> Scope:
    """Load any Hugging Face decoder by hub id, folder, GGUF file, or the id of a bundled model.

    ``dtype`` is float32, float16 or bfloat16, or torch's own; ``quantization`` none, nf4 or int8 (left out, nf4 where no
    larger precision would fit); ``device`` cpu, mps, cuda, cuda:1, or auto for all cards together. ``modules`` names
    modules by hand where inspection does not find them: ``{"mlp_out": "mlp.down_proj"}``. ``progress`` is told bytes
    done, in all, and the phase, fetch or load. Errors as in :func:`neuronscope.models.loading.loader.load`.
    """
    options: dict[str, Any] = {
        "revision": revision,
        "dtype": None if dtype is None else str(dtype).removeprefix("torch."),
        "quantization": quantization,
        "device": device,
        "modules": modules,
    }
    loaded = open_model(SourcesAndPaths().find(str(ref)), **options, progress=progress)
    return Scope(loaded, workspace, Recipe(str(ref), **options))


def wrap(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    model_id: str | None = None,
    modules: Mapping[str, str] | None = None,
    workspace: Workspace | None = None,
) -> Scope:
    """The same for a model and tokenizer that are already in memory."""
    return Scope(wrap_model(model, tokenizer, model_id, modules=modules), workspace)
