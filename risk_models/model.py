"""A model: the indicators, weights, contexts and floors by which one kind of supplier is scored.

One TOML file is one version, dated (``models/<model>/<version>.toml``), whole or over a core (``model_file.py``). It is data:
every weight and rule carries its reason and the ids of its sources, and a file with a fault is refused by name. ``README.md``
beside this file shows how to add an indicator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from risk_models.action_releases import release_read_by
from risk_models.data_file import DataFileError, DataFileReader
from risk_models.model_file import list_model_files, read_model_file
from risk_models.transforms import Choices, Ramp, Rule, parse_rule

MODELS_FOLDER = Path(__file__).parent / "models"
GRADES = ("self_declared", "document", "audit", "worker_voice", "official")
LEVELS = ("low", "medium", "high", "critical")
METHODS = (1, 2, 3)
CASES = ("none_recorded", "signals", "pattern", "emergency")
SOURCES_OF_FACTS = ("answer.", "country.", "sector.", "goods.", "corridor.", "destination.", "flag.")


@dataclass(frozen=True)
class Credibility:
    """How far a kind of evidence is believed (q, 0..1) and for how many months."""

    q: float
    months: float


@dataclass(frozen=True)
class ScaledFact:
    """A fact read as risk 0..1: linear from ``zero`` to ``one``, flat outside."""

    fact: str
    ramp: Ramp


@dataclass(frozen=True)
class Context:
    """One step of the inherent risk: it closes ``lift`` x (mean of its facts) of what is left to 1."""

    id: str
    title: str
    because: str
    sources: tuple[str, ...]
    facts: tuple[ScaledFact, ...]
    lift: float
    where_known: bool


@dataclass(frozen=True)
class Sharper:
    """A context sharper than the inherent risk, for the indicators that name it."""

    id: str
    title: str
    because: str
    sources: tuple[str, ...]
    facts: tuple[ScaledFact, ...]


@dataclass(frozen=True)
class Indicator:
    """What is asked about, how much it weighs, how an answer becomes risk. ``safeguard``, ``confirmed``: see docs/models.md.

    ``groups``: actions may address it by each of them ("group:fees") as well as by its id.
    """

    id: str
    title: str
    pillar: str
    reads: str
    weight: float
    weight_because: str
    core: bool
    severe: bool
    safeguard: bool
    rule: Rule
    confirmed: Mapping[str, float]
    sharper: tuple[str, ...]
    ruled_out: Mapping[str, tuple[object, ...]]
    report_sources: Mapping[str, tuple[str, ...]]
    because: str
    harm: str
    ilo: tuple[str, ...]
    sources: tuple[str, ...]
    groups: tuple[str, ...]

    @cached_property
    def question(self) -> str:
        """The id of the question whose answer this indicator reads."""
        return self.reads.removeprefix("answer.")


@dataclass(frozen=True)
class Gate:
    """A question that answers for many indicators at once: "no migrant workers here"."""

    id: str
    title: str
    because: str
    question: str
    none: tuple[object, ...]
    indicators: tuple[str, ...]


@dataclass(frozen=True)
class Floor:
    """A named rule that holds the score up: ``count`` of ``signs`` at r >= ``from_risk``, a declined core question, or cases.

    A sign is told by one indicator, or by any of several that tell of the same fact.
    """

    id: str
    title: str
    because: str
    sources: tuple[str, ...]
    minimum_score: float
    signals: tuple[tuple[str, ...], ...]
    min_risk: float
    min_signals: int
    declined_core: bool
    case: str | None

    @property
    def indicator_ids(self) -> tuple[str, ...]:
        """Every indicator that it reads."""
        return tuple(name for sign in self.signals for name in sign)


@dataclass(frozen=True, eq=False)
class Model:
    """One version of one model, checked; equal to itself alone. For ``method``, ``told_by`` and the like see docs/models.md.

    ``actions``: the release of the action library that its plans are made of. ``digest``: of its file and the core it includes.
    """

    id: str
    version: str
    method: int
    actions: str
    effective: date
    title: str
    kind: str
    serves: tuple[str, ...]
    sector_questions: tuple[str, ...]
    levels: Mapping[str, float]
    insufficient_below: float
    silent_from: float
    reported: float
    review_months: Mapping[str, int]
    credibility: Mapping[str, Credibility]
    certificate_months: float
    audit_counts: bool
    audit_void_when: tuple[str, ...]
    contexts: tuple[Context, ...]
    sharper: tuple[Sharper, ...]
    indicators: tuple[Indicator, ...]
    gates: tuple[Gate, ...]
    floors: tuple[Floor, ...]
    digest: str

    @property
    def every_context(self) -> tuple[Context | Sharper, ...]:
        """The steps of the inherent risk, then the sharper contexts."""
        return (*self.contexts, *self.sharper)

    @cached_property
    def weight(self) -> float:
        """The weight of all indicators together."""
        return float(sum(indicator.weight for indicator in self.indicators))


def load(path: Path) -> Model:
    """The model in one file. Raises DataFileError naming the file, the item and the fault."""
    file = read_model_file(path)
    return _Reader(file.name).model(file.raw, file.digest)


@cache
def load_all(folder: Path = MODELS_FOLDER) -> tuple[Model, ...]:
    """Return every model in the folder, by id and version. Raises DataFileError, also where path and id differ."""
    models = {path: load(path) for path in list_model_files(folder)}
    for path, model in models.items():
        if (model.id, model.version) != (path.parent.name, path.stem):
            raise DataFileError(
                f"{path.parent.name}/{path.name}: model: it is {model.id} {model.version} by its own id and version"
            )
    return tuple(models.values())


def in_force(model_id: str, on: date, models: Iterable[Model] | None = None) -> Model:
    """The latest version of a model that is in force on a day. Raises LookupError where there is none."""
    versions = [m for m in (load_all() if models is None else models) if m.id == model_id and m.effective <= on]
    if not versions:
        raise LookupError(f"no version of the model {model_id} is in force on {on.isoformat()}")
    return max(versions, key=lambda m: (m.effective, m.version))


def of_version(model_id: str, version: str) -> Model:
    """One version of a model. Raises LookupError where there is none."""
    found = next((m for m in load_all() if (m.id, m.version) == (model_id, version)), None)
    if found is None:
        raise LookupError(f"there is no version {version} of the model {model_id}")
    return found


def current(kind: str, on: date, models: Iterable[Model] | None = None) -> tuple[Model, ...]:
    """Of each model for a kind of supplier the version in force on a day. Raises LookupError where there is none."""
    return _current(kind, on, tuple(load_all() if models is None else models))


@lru_cache(maxsize=64)
def _current(kind: str, on: date, models: tuple[Model, ...]) -> tuple[Model, ...]:
    there = [m for m in models if m.kind == kind and m.effective <= on]
    found = tuple(in_force(i, on, there) for i in sorted({m.id for m in there}))
    if not found:
        raise LookupError(f"no model for a {kind} is in force on {on.isoformat()}")
    return found


def serving(kind: str, sectors: Iterable[str], on: date, models: Iterable[Model] | None = None) -> tuple[Model, ...]:
    """The models that score a supplier of this kind and these ISIC codes on a day: one per pack it belongs to.

    The longest matching prefix in ``serves`` wins; no sector, or one without a pack, is served by the general model ("").
    ``models`` are those to choose from, all unless told; a sector that none of them serves is passed over.
    """
    there = current(kind, on, models)
    found: dict[str, Model] = {}
    for code in tuple(sectors) or ("",):
        fit = [(len(prefix), m.id, m) for m in there for prefix in m.serves if code.startswith(prefix)]
        for _, name, best in sorted(fit, key=lambda each: each[:2])[-1:]:
            found[name] = best
    return tuple(found.values())


class _Reader(DataFileReader):
    """Turns raw TOML into a Model, refusing what does not fit."""

    def scaled_facts(self, raw: Mapping[str, Any], item: str) -> tuple[ScaledFact, ...]:
        facts = []
        for entry in self.require(raw, "facts", item, list):
            name = self.require(entry, "fact", item, str)
            if not name.startswith(SOURCES_OF_FACTS):
                raise self.build_error(item, f"the fact {name!r} starts with none of {', '.join(SOURCES_OF_FACTS)}")
            zero, one = (float(self.require(entry, key, f"{item} {name}", (int, float))) for key in ("from", "to"))
            if zero == one:
                raise self.build_error(item, f"{name}: 'from' equals 'to'")
            facts.append(ScaledFact(name, Ramp(zero, one)))
        if not facts:
            raise self.build_error(item, "has no facts")
        return tuple(facts)

    def context(self, raw: Mapping[str, Any]) -> Context:
        item = f"context {raw.get('id')!r}"
        self.check_keys(raw, "id title because sources lift lift_because where_known facts notes", item)
        return Context(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            sources=self.read_sources(raw, item),
            facts=self.scaled_facts(raw, item),
            lift=self.read_share(raw.get("lift"), item, "'lift'"),
            where_known=bool(raw.get("where_known", False)),
        )

    def sharper(self, raw: Mapping[str, Any]) -> Sharper:
        item = f"sharper {raw.get('id')!r}"
        self.check_keys(raw, "id title because sources facts notes", item)
        return Sharper(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            sources=self.read_sources(raw, item),
            facts=self.scaled_facts(raw, item),
        )

    def rule(self, raw: Mapping[str, Any], item: str) -> Rule:
        try:
            return parse_rule(raw)
        except ValueError as fault:
            raise self.build_error(item, str(fault)) from fault

    def confirmed(self, raw: Mapping[str, Any], rule: Rule, item: str) -> dict[str, float]:
        """The lower r of an answer that workers or an authority confirm."""
        told: Mapping[str, Any] = raw.get("confirmed", {})
        for code, risk in told.items():
            table = rule.table if isinstance(rule, Choices) else {}
            if not rule.lowest_risk <= self.read_share(risk, item, f"'confirmed' {code!r}") < table.get(code, 0.0):
                raise self.build_error(item, f"'confirmed' {code!r} must be a choice, and lie below its risk there")
        return {code: float(risk) for code, risk in told.items()}

    def indicator(self, raw: Mapping[str, Any], groups: tuple[str, ...]) -> Indicator:
        item = f"indicator {raw.get('id')!r}"
        known = "id title pillar reads weight weight_because core strong ilo sharper choices ramp steps ruled_out because harm"
        self.check_keys(raw, known + " since confirmed heard safeguard groups sources notes", item)
        reads = self.require(raw, "reads", item, str)
        if not reads.startswith("answer."):
            raise self.build_error(item, f"reads {reads!r}: an indicator reads one answer")
        weight = float(self.require(raw, "weight", item, (int, float)))
        if weight <= 0:
            raise self.build_error(item, "weight must be above 0")
        ruled_out, rule = raw.get("ruled_out", {}), self.rule(raw, item)
        return Indicator(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            pillar=self.require(raw, "pillar", item, str),
            reads=reads,
            weight=weight,
            weight_because=self.require(raw, "weight_because", item, str),
            core=bool(raw.get("core", False)),
            severe=bool(raw.get("strong", False)),
            safeguard=bool(raw.get("safeguard", False)),
            rule=rule,
            confirmed=self.confirmed(raw, rule, item),
            sharper=self.read_texts(raw, "sharper", item),
            ruled_out={str(k).removeprefix("answer."): tuple(v) for k, v in ruled_out.items()},
            report_sources={str(k).removeprefix("answer."): tuple(v) for k, v in raw.get("heard", {}).items()},
            because=self.require(raw, "because", item, str),
            harm=self.require(raw, "harm", item, str),
            ilo=self.read_texts(raw, "ilo", item),
            sources=self.read_sources(raw, item),
            groups=self.read_texts(raw, "groups", item) if "groups" in raw else groups,
        )

    def gate(self, raw: Mapping[str, Any]) -> Gate:
        item = f"gate {raw.get('id')!r}"
        self.check_keys(raw, "id title because reads none indicators sources notes", item)
        return Gate(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            question=self.require(raw, "reads", item, str).removeprefix("answer."),
            none=tuple(self.require(raw, "none", item, list)),
            indicators=self.read_texts(raw, "indicators", item),
        )

    def floor(self, raw: Mapping[str, Any]) -> Floor:
        item = f"floor {raw.get('id')!r}"
        self.check_keys(raw, "id title because at_least any from count declined_core case sources notes", item)
        floor = Floor(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            sources=self.read_sources(raw, item),
            minimum_score=float(self.require(raw, "at_least", item, (int, float))),
            signals=self.read_groups(raw, "any", item),
            min_risk=self.read_share(raw.get("from", 0.5), item, "'from'"),
            min_signals=int(raw.get("count", 1)),
            declined_core=bool(raw.get("declined_core", False)),
            case=raw.get("case"),
        )
        if not 0 < floor.minimum_score <= 100:
            raise self.build_error(item, "'at_least' must lie in 0..100")
        if floor.case is not None and floor.case not in CASES[1:]:
            raise self.build_error(item, f"'case' is {floor.case!r}")
        if sum((bool(floor.signals), floor.declined_core, floor.case is not None)) != 1:
            raise self.build_error(item, "needs exactly one of 'any', 'declined_core', 'case'")
        if not all(floor.signals):
            raise self.build_error(item, "has an empty list in 'any'")
        if floor.signals and not 1 <= floor.min_signals <= len(floor.signals):
            raise self.build_error(item, f"'count' {floor.min_signals} cannot be met by {len(floor.signals)} signs")
        return floor

    def model(self, raw: Mapping[str, Any], digest: str) -> Model:
        known = "id version method effective title kind serves told_by levels insufficient_below silent_from reported sources "
        known += "review_months credibility certificate_months audit_counts audit_void_when context sharper indicator "
        self.check_keys(raw, known + "gate floor actions groups notes", "model")
        credibility = {
            grade: Credibility(
                self.read_share(entry.get("q"), grade, "'q'"), float(self.require(entry, "months", grade, (int, float)))
            )
            for grade, entry in self.require(raw, "credibility", "model", dict).items()
        }
        if set(credibility) != set(GRADES):
            raise self.build_error("credibility", f"needs exactly {', '.join(GRADES)}")
        levels = {level: float(self.require(raw["levels"], level, "levels", (int, float))) for level in LEVELS[1:]}
        if list(levels.values()) != sorted(levels.values()):
            raise self.build_error("levels", "must rise")
        groups = self.read_texts(raw, "groups", "model")
        model = Model(
            id=self.require(raw, "id", "model", str),
            version=self.require(raw, "version", "model", str),
            method=raw.get("method", METHODS[0]),
            actions=release_read_by(raw, self),
            effective=self.require(raw, "effective", "model", date),
            title=self.require(raw, "title", "model", str),
            kind=self.require(raw, "kind", "model", str),
            serves=self.read_texts(raw, "serves", "model"),
            sector_questions=self.read_texts(raw, "told_by", "model"),
            levels=levels,
            insufficient_below=self.read_share(raw.get("insufficient_below"), "model", "'insufficient_below'"),
            silent_from=self.read_share(raw.get("silent_from", 0.5), "model", "'silent_from'"),
            reported=self.read_share(raw.get("reported"), "model", "'reported'"),
            review_months={str(k): int(v) for k, v in self.require(raw, "review_months", "model", dict).items()},
            credibility=credibility,
            certificate_months=float(raw.get("certificate_months", "inf")),
            audit_counts=bool(raw.get("audit_counts", True)),
            audit_void_when=self.read_texts(raw, "audit_void_when", "model"),
            contexts=tuple(self.context(entry) for entry in self.require(raw, "context", "model", list)),
            sharper=tuple(self.sharper(entry) for entry in raw.get("sharper", [])),
            indicators=tuple(self.indicator(i, groups) for i in self.require(raw, "indicator", "model", list)),
            gates=tuple(self.gate(entry) for entry in raw.get("gate", [])),
            floors=tuple(self.floor(entry) for entry in self.require(raw, "floor", "model", list)),
            digest=digest,
        )
        self.check(model)
        return model

    def check(self, model: Model) -> None:
        """What no single entry can know: ids are unique, names point to something, facts cannot rule out too much."""
        ids = [i.id for i in model.indicators]
        self.check_unique("indicator", ids)
        self.check_unique("context and sharper", [context.id for context in model.every_context])
        self.check_unique("floor", [floor.id for floor in model.floors])
        pointers = [(f"gate {g.id!r}", g.indicators) for g in model.gates]
        pointers += [(f"floor {f.id!r}", f.indicator_ids) for f in model.floors]
        pointers += [("audit_void_when", model.audit_void_when)]
        for item, names_in in pointers:
            for name in names_in:
                if name not in ids:
                    raise self.build_error(item, f"names the indicator {name!r}, which the model does not have")
        sharper = {s.id for s in model.sharper} | {"agency"}
        for indicator in model.indicators:
            for name in indicator.sharper:
                if name not in sharper:
                    fault = f"names the sharper context {name!r}, which is not there"
                    raise self.build_error(f"indicator {indicator.id!r}", fault)
        place = [
            all(f.fact.startswith(("country.", "sector.")) for f in c.facts) and not c.where_known
            for c in model.contexts
        ]
        if place != sorted(place, reverse=True):
            raise self.build_error("context", "those made of country and sector facts come first")
        if model.method not in METHODS:
            raise self.build_error("model", f"'method' is {model.method!r}, not one of {', '.join(map(str, METHODS))}")
        if not any(i.core for i in model.indicators):
            raise self.build_error("model", "has no core indicator")
        # Method section 3: with more than a fifth of the weight ruled out by facts, it should be two models.
        if sum(i.weight for i in model.indicators if i.ruled_out) > 0.2 * model.weight:
            raise self.build_error("ruled_out", "facts can rule out more than a fifth of the weight: make it two models")
