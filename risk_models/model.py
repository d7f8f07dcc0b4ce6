"""Define and load models: the indicators, weights, contexts and floors by which one kind of supplier is scored.

One TOML file is one dated version (``models/<model>/<version>.toml``), complete or layered over a core (``model_file.py``). It is
data: every weight and rule carries its reason and the ids of its sources, and an invalid file is rejected with the file, the item
and the fault. ``README.md`` in this folder shows how to add an indicator. A comment gives the TOML key of each field that has a
different name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

from risk_models.action_releases import read_action_release
from risk_models.data_file import DataFileError, DataFileReader
from risk_models.model_file import list_model_files, read_model_file
from risk_models.transforms import Choices, Ramp, Rule, parse_rule

MODELS_FOLDER = Path(__file__).parent / "models"
GRADES = ("self_declared", "document", "audit", "worker_voice", "official")
LEVELS = ("low", "medium", "high", "critical")
METHODS = (1, 2, 3, 4)
CASES = ("none_recorded", "signals", "pattern", "emergency")
FACT_PREFIXES = (
    "answer.", "country.", "sector.", "goods.", "corridor.", "destination.", "flag.", "vessel.", "sector_goods.",
)  # fmt: skip


@dataclass(frozen=True)
class Credibility:
    """The credibility of a grade of evidence (q, 0..1), and the number of months for which it counts."""

    q: float
    months: float


@dataclass(frozen=True)
class ScaledFact:
    """A fact scaled to risk 0..1: linear between the ends of its ramp, flat outside.

    ``share_facts``: if there are any, the fact applies only to a share of the workers, which the largest of them gives.
    """

    fact: str
    ramp: Ramp
    share_facts: tuple[ScaledFact, ...] = ()  # TOML: share


@dataclass(frozen=True)
class Context:
    """One step of the inherent risk: it closes ``lift`` x (mean of its scaled facts) of the remaining gap to 1.

    ``takes_largest``: its facts describe one conduct, so that the largest of them counts and not their mean.
    """

    id: str
    title: str
    because: str
    sources: tuple[str, ...]
    facts: tuple[ScaledFact, ...]
    lift: float
    only_where_known: bool  # TOML: where_known
    takes_largest: bool = False  # TOML: largest

    @property
    def all_facts(self) -> tuple[ScaledFact, ...]:
        """Return its facts and those that give their share."""
        return (*self.facts, *(share for fact in self.facts for share in fact.share_facts))


@dataclass(frozen=True)
class SharperContext:
    """A context more specific than the inherent risk, for the indicators that name it (TOML: ``sharper``)."""

    id: str
    title: str
    because: str
    sources: tuple[str, ...]
    facts: tuple[ScaledFact, ...]

    @property
    def all_facts(self) -> tuple[ScaledFact, ...]:
        """Return its facts and those that give their share."""
        return (*self.facts, *(share for fact in self.facts for share in fact.share_facts))


@dataclass(frozen=True)
class ImposedLabourContext:
    """How much labour that a state imposes raises the inherent risk (TOML: ``state_imposed``; method-4, section 5).

    If it is documented, it closes ``documented_lift`` of the remaining gap to 1, the inherent risk is at least
    ``documented_minimum``, and no answer counts; if a government is only named, it closes ``named_lift``. ``replaced_contexts``:
    the contexts whose facts describe the same conduct, which do not count in addition where it is documented.
    """

    id: ClassVar[str] = "state_imposed"
    facts: ClassVar[tuple[ScaledFact, ...]] = ()
    all_facts: ClassVar[tuple[ScaledFact, ...]] = ()

    title: str
    because_documented: str
    because_named: str
    sources: tuple[str, ...]
    documented_lift: float
    documented_minimum: float
    named_lift: float
    replaced_contexts: tuple[str, ...] = ()  # TOML: replaces

    @property
    def because(self) -> str:
        """Return why it raises the risk, where it is documented and where a government is named."""
        return f"{self.because_documented} {self.because_named}"


@dataclass(frozen=True)
class Indicator:
    """One thing that a model asks about: its question, its weight, and the rule that turns an answer into risk (r, 0..1).

    ``confirmed_risks``: by answer, the lower risk that applies if workers or an authority confirm it. ``ruled_out_by``: by
    question, the answers that rule the indicator out. ``report_sources``: by question, further answers that count as a report of
    it. ``groups``: actions may address the indicator by each of them ("group:fees") as well as by its id. See docs/models.md.
    """

    id: str
    title: str
    pillar: str
    reads: str
    weight: float
    weight_because: str
    core: bool
    severe: bool  # TOML: strong
    safeguard: bool
    rule: Rule
    confirmed_risks: Mapping[str, float]  # TOML: confirmed
    sharper_contexts: tuple[str, ...]  # TOML: sharper
    ruled_out_by: Mapping[str, tuple[object, ...]]  # TOML: ruled_out
    report_sources: Mapping[str, tuple[str, ...]]  # TOML: heard
    because: str
    harm: str
    ilo: tuple[str, ...]
    sources: tuple[str, ...]
    groups: tuple[str, ...]

    @cached_property
    def question(self) -> str:
        """Return the id of the question whose answer this indicator reads."""
        return self.reads.removeprefix("answer.")


@dataclass(frozen=True)
class ScreeningQuestion:
    """A question that settles many indicators at once, such as "no migrant workers here" (TOML: ``gate``).

    ``none_answers``: the answers by which the indicators do not apply.
    """

    id: str
    title: str
    because: str
    question: str
    none_answers: tuple[object, ...]  # TOML: none
    indicators: tuple[str, ...]


@dataclass(frozen=True)
class Floor:
    """A minimum-score rule: a score is at least ``minimum_score`` if the rule is triggered.

    The rule is triggered by ``min_signals`` of its ``signals`` with r >= ``min_risk``, by a declined core question, or by the
    strength of case records. A signal is one indicator, or several that report the same fact and together count once.
    """

    id: str
    title: str
    because: str
    sources: tuple[str, ...]
    minimum_score: float  # TOML: at_least
    signals: tuple[tuple[str, ...], ...]  # TOML: any
    min_risk: float  # TOML: from
    min_signals: int  # TOML: count
    declined_core: bool
    case: str | None

    @property
    def indicator_ids(self) -> tuple[str, ...]:
        """Return the id of every indicator that the rule reads."""
        return tuple(indicator_id for signal in self.signals for indicator_id in signal)


@dataclass(frozen=True, eq=False)
class Model:
    """One validated version of one model; equal only to itself. docs/models.md explains ``method`` and the other settings.

    ``actions``: the release of the action library that its plans use. ``digest``: of its file and of the core it includes.
    ``sector_questions``: questions that only its form asks, by which a site of unknown sector is recognised.
    ``unrecognised_goods_blank``: a product that names no good we know counts as a blank.
    """

    id: str
    version: str
    method: int
    actions: str
    effective: date
    title: str
    kind: str
    serves: tuple[str, ...]
    sector_questions: tuple[str, ...]  # TOML: told_by
    unrecognised_goods_blank: bool
    levels: Mapping[str, float]
    insufficient_below: float
    unknown_from: float  # TOML: silent_from
    reported_risk: float  # TOML: reported
    review_months: Mapping[str, int]
    credibility: Mapping[str, Credibility]
    certificate_months: float
    audit_counts: bool
    audit_void_when: tuple[str, ...]
    contexts: tuple[Context, ...]
    imposed_labour: ImposedLabourContext | None  # TOML: state_imposed; since method 4
    sharper_contexts: tuple[SharperContext, ...]  # TOML: sharper
    indicators: tuple[Indicator, ...]
    screening_questions: tuple[ScreeningQuestion, ...]  # TOML: gate
    floors: tuple[Floor, ...]
    digest: str

    @property
    def all_contexts(self) -> tuple[Context | ImposedLabourContext | SharperContext, ...]:
        """Return the steps of the inherent risk, then the sharper contexts."""
        imposed_labour = () if self.imposed_labour is None else (self.imposed_labour,)
        return (*self.contexts, *imposed_labour, *self.sharper_contexts)

    @cached_property
    def total_weight(self) -> float:
        """Return the weight of all indicators together."""
        return float(sum(indicator.weight for indicator in self.indicators))


def load_model(path: Path) -> Model:
    """Load the model in one file. Raises DataFileError naming the file, the item and the fault."""
    file = read_model_file(path)
    return _ModelReader(file.name).parse_model(file.raw, file.digest)


@cache
def load_models(folder: Path = MODELS_FOLDER) -> tuple[Model, ...]:
    """Load every model in a folder, ordered by id and version.

    Raises DataFileError for an invalid file, and for one whose path does not match its id and version.
    """
    models = {path: load_model(path) for path in list_model_files(folder)}
    for path, model in models.items():
        if (model.id, model.version) != (path.parent.name, path.stem):
            fault = f"its id and version are {model.id} {model.version}, which do not match the name of the file"
            raise DataFileError(f"{path.parent.name}/{path.name}", "model", fault)
    return tuple(models.values())


def get_model_in_force(model_id: str, day: date, models: Iterable[Model] | None = None) -> Model:
    """Return the latest version of a model that is in force on a day. Raises LookupError if there is none."""
    candidates = load_models() if models is None else models
    versions = [model for model in candidates if model.id == model_id and model.effective <= day]
    if not versions:
        raise LookupError(f"no version of the model {model_id} is in force on {day.isoformat()}")
    return max(versions, key=lambda model: (model.effective, model.version))


def get_model_version(model_id: str, version: str) -> Model:
    """Return one version of a model. Raises LookupError if it does not exist."""
    model = next((model for model in load_models() if (model.id, model.version) == (model_id, version)), None)
    if model is None:
        raise LookupError(f"there is no version {version} of the model {model_id}")
    return model


def list_models_in_force(kind: str, day: date, models: Iterable[Model] | None = None) -> tuple[Model, ...]:
    """Return, for each model for a kind of supplier, the version in force on a day. Raises LookupError if there is none."""
    return _list_models_in_force(kind, day, tuple(load_models() if models is None else models))


@lru_cache(maxsize=64)
def _list_models_in_force(kind: str, day: date, models: tuple[Model, ...]) -> tuple[Model, ...]:
    effective = [model for model in models if model.kind == kind and model.effective <= day]
    latest = tuple(get_model_in_force(model_id, day, effective) for model_id in sorted({m.id for m in effective}))
    if not latest:
        raise LookupError(f"no model for a {kind} is in force on {day.isoformat()}")
    return latest


def get_version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to sort by: 2026.10 follows 2026.2."""
    return tuple(int(part) for part in version.split("."))


def get_newest_release(day: date, models: Iterable[Model] | None = None) -> str:
    """Return the highest version of any model that is in force on a day. Raises LookupError where there is none."""
    candidates = load_models() if models is None else models
    versions = [model.version for model in candidates if model.effective <= day]
    if not versions:
        raise LookupError(f"no model is in force on {day.isoformat()}")
    return max(versions, key=get_version_key)


def find_coming_model(day: date) -> Model | None:
    """Return a model of the first release that comes into force after a day, the newest of those that do so on the same day.

    None if there is none.
    """
    later = [model for model in load_models() if model.effective > day]
    first = min((model.effective for model in later), default=None)
    coming = [model for model in later if model.effective == first]
    return max(coming, key=lambda model: get_version_key(model.version), default=None)


def list_models_up_to(release: str, models: Iterable[Model] | None = None) -> tuple[Model, ...]:
    """Return the models whose version is at most that of a release: those used by an organisation that accepted no later one."""
    return _list_models_up_to(release, tuple(load_models() if models is None else models))


@lru_cache(maxsize=64)
def _list_models_up_to(release: str, models: tuple[Model, ...]) -> tuple[Model, ...]:
    return tuple(model for model in models if get_version_key(model.version) <= get_version_key(release))


def select_models(
    kind: str, sectors: Iterable[str], day: date, models: Iterable[Model] | None = None
) -> tuple[Model, ...]:
    """Return the models that score a supplier of this kind and these ISIC codes on a day: one for each pack that serves it.

    The longest matching prefix in ``serves`` wins. A supplier without a sector, or in a sector without a pack, is scored by the
    general model (prefix ""). ``models``: those to choose from, all by default; a sector that none of them serves is skipped.
    """
    in_force = list_models_in_force(kind, day, models)
    selected: dict[str, Model] = {}
    for code in tuple(sectors) or ("",):
        matches = [
            (len(prefix), model.id, model) for model in in_force for prefix in model.serves if code.startswith(prefix)
        ]
        for _, model_id, model in sorted(matches, key=lambda match: match[:2])[-1:]:
            selected[model_id] = model
    return tuple(selected.values())


class _ModelReader(DataFileReader):
    """Parses the tables of one model file into a Model, rejecting invalid values."""

    def parse_scaled_facts(self, raw: Mapping[str, Any], item: str, key: str = "facts") -> tuple[ScaledFact, ...]:
        facts = []
        for entry in self.require(raw, key, item, list):
            name = self.require(entry, "fact", item, str)
            if not name.startswith(FACT_PREFIXES):
                raise self.build_error(item, f"the fact {name!r} must start with one of {', '.join(FACT_PREFIXES)}")
            zero, one = (float(self.require(entry, end, f"{item} {name}", (int, float))) for end in ("from", "to"))
            if zero == one:
                raise self.build_error(item, f"{name}: 'from' and 'to' must differ")
            share = self.parse_scaled_facts(entry, f"{item} {name}", "share") if "share" in entry else ()
            facts.append(ScaledFact(name, Ramp(zero, one), share))
        if not facts:
            raise self.build_error(item, "at least one fact is required")
        return tuple(facts)

    def parse_context(self, raw: Mapping[str, Any]) -> Context:
        item = f"context {raw.get('id')!r}"
        self.check_keys(raw, "id title because sources lift lift_because where_known largest facts notes", item)
        return Context(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            sources=self.read_sources(raw, item),
            facts=self.parse_scaled_facts(raw, item),
            lift=self.read_share(raw.get("lift"), item, "'lift'"),
            only_where_known=bool(raw.get("where_known", False)),
            takes_largest=bool(raw.get("largest", False)),
        )

    def parse_sharper_context(self, raw: Mapping[str, Any]) -> SharperContext:
        item = f"sharper {raw.get('id')!r}"
        self.check_keys(raw, "id title because sources facts notes", item)
        return SharperContext(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            sources=self.read_sources(raw, item),
            facts=self.parse_scaled_facts(raw, item),
        )

    def parse_imposed_labour(self, raw: Mapping[str, Any]) -> ImposedLabourContext:
        item = "state_imposed"
        self.check_keys(raw, "title because_documented because_named sources lifts lifts_because replaces notes", item)
        lifts = self.require(raw, "lifts", item, dict)
        self.check_keys(lifts, "documented at_least named", item)
        self.require(raw, "lifts_because", item, str)
        return ImposedLabourContext(
            title=self.require(raw, "title", item, str),
            because_documented=self.require(raw, "because_documented", item, str),
            because_named=self.require(raw, "because_named", item, str),
            sources=self.read_sources(raw, item),
            documented_lift=self.read_share(lifts.get("documented"), item, "'documented'"),
            documented_minimum=self.read_share(lifts.get("at_least"), item, "'at_least'"),
            named_lift=self.read_share(lifts.get("named"), item, "'named'"),
            replaced_contexts=self.read_texts(raw, "replaces", item),
        )

    def parse_rule(self, raw: Mapping[str, Any], item: str) -> Rule:
        try:
            return parse_rule(raw)
        except ValueError as fault:
            raise self.build_error(item, str(fault)) from fault

    def parse_confirmed_risks(self, raw: Mapping[str, Any], rule: Rule, item: str) -> dict[str, float]:
        """Parse the lower r of each answer that workers or an authority can confirm."""
        confirmed: Mapping[str, Any] = raw.get("confirmed", {})
        for code, risk in confirmed.items():
            table = rule.table if isinstance(rule, Choices) else {}
            if not rule.lowest_risk <= self.read_share(risk, item, f"'confirmed' {code!r}") < table.get(code, 0.0):
                raise self.build_error(
                    item, f"'confirmed' {code!r} must be a choice, with a risk below that of the choice"
                )
        return {code: float(risk) for code, risk in confirmed.items()}

    def parse_indicator(self, raw: Mapping[str, Any], groups: tuple[str, ...]) -> Indicator:
        item = f"indicator {raw.get('id')!r}"
        known = "id title pillar reads weight weight_because core strong ilo sharper choices ramp steps ruled_out because harm"
        self.check_keys(raw, known + " since confirmed heard safeguard groups sources notes", item)
        reads = self.require(raw, "reads", item, str)
        if not reads.startswith("answer."):
            raise self.build_error(item, f"an indicator must read exactly one answer, but this one reads {reads!r}")
        weight = float(self.require(raw, "weight", item, (int, float)))
        if weight <= 0:
            raise self.build_error(item, "weight must be above 0")
        ruled_out, rule = raw.get("ruled_out", {}), self.parse_rule(raw, item)
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
            confirmed_risks=self.parse_confirmed_risks(raw, rule, item),
            sharper_contexts=self.read_texts(raw, "sharper", item),
            ruled_out_by={str(k).removeprefix("answer."): tuple(v) for k, v in ruled_out.items()},
            report_sources={str(k).removeprefix("answer."): tuple(v) for k, v in raw.get("heard", {}).items()},
            because=self.require(raw, "because", item, str),
            harm=self.require(raw, "harm", item, str),
            ilo=self.read_texts(raw, "ilo", item),
            sources=self.read_sources(raw, item),
            groups=self.read_texts(raw, "groups", item) if "groups" in raw else groups,
        )

    def parse_screening_question(self, raw: Mapping[str, Any]) -> ScreeningQuestion:
        item = f"gate {raw.get('id')!r}"
        self.check_keys(raw, "id title because reads none indicators sources notes", item)
        return ScreeningQuestion(
            id=self.require(raw, "id", item, str),
            title=self.require(raw, "title", item, str),
            because=self.require(raw, "because", item, str),
            question=self.require(raw, "reads", item, str).removeprefix("answer."),
            none_answers=tuple(self.require(raw, "none", item, list)),
            indicators=self.read_texts(raw, "indicators", item),
        )

    def parse_floor(self, raw: Mapping[str, Any]) -> Floor:
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
            raise self.build_error(item, "'at_least' must be between 0 and 100")
        if floor.case is not None and floor.case not in CASES[1:]:
            raise self.build_error(item, f"'case' has an invalid value: {floor.case!r}")
        if sum((bool(floor.signals), floor.declined_core, floor.case is not None)) != 1:
            raise self.build_error(item, "exactly one of 'any', 'declined_core' and 'case' is required")
        if not all(floor.signals):
            raise self.build_error(item, "the list 'any' is empty")
        if floor.signals and not 1 <= floor.min_signals <= len(floor.signals):
            raise self.build_error(
                item, f"'count' {floor.min_signals} is above the number of signals, {len(floor.signals)}"
            )
        return floor

    def parse_model(self, raw: Mapping[str, Any], digest: str) -> Model:
        known = "id version method effective title kind serves told_by levels insufficient_below silent_from reported sources "
        known += "review_months credibility certificate_months audit_counts audit_void_when context sharper indicator "
        self.check_keys(raw, known + "gate floor actions groups notes state_imposed unrecognised_goods_blank", "model")
        credibility = {
            grade: Credibility(
                self.read_share(entry.get("q"), grade, "'q'"), float(self.require(entry, "months", grade, (int, float)))
            )
            for grade, entry in self.require(raw, "credibility", "model", dict).items()
        }
        if set(credibility) != set(GRADES):
            raise self.build_error("credibility", f"must contain exactly these grades: {', '.join(GRADES)}")
        levels = {level: float(self.require(raw["levels"], level, "levels", (int, float))) for level in LEVELS[1:]}
        if list(levels.values()) != sorted(levels.values()):
            raise self.build_error("levels", "must be in ascending order")
        groups = self.read_texts(raw, "groups", "model")
        model = Model(
            id=self.require(raw, "id", "model", str),
            version=self.require(raw, "version", "model", str),
            method=raw.get("method", METHODS[0]),
            actions=read_action_release(raw, self),
            effective=self.require(raw, "effective", "model", date),
            title=self.require(raw, "title", "model", str),
            kind=self.require(raw, "kind", "model", str),
            serves=self.read_texts(raw, "serves", "model"),
            sector_questions=self.read_texts(raw, "told_by", "model"),
            unrecognised_goods_blank=bool(raw.get("unrecognised_goods_blank", False)),
            levels=levels,
            insufficient_below=self.read_share(raw.get("insufficient_below"), "model", "'insufficient_below'"),
            unknown_from=self.read_share(raw.get("silent_from", 0.5), "model", "'silent_from'"),
            reported_risk=self.read_share(raw.get("reported"), "model", "'reported'"),
            review_months={str(k): int(v) for k, v in self.require(raw, "review_months", "model", dict).items()},
            credibility=credibility,
            certificate_months=float(raw.get("certificate_months", "inf")),
            audit_counts=bool(raw.get("audit_counts", True)),
            audit_void_when=self.read_texts(raw, "audit_void_when", "model"),
            contexts=tuple(self.parse_context(entry) for entry in self.require(raw, "context", "model", list)),
            imposed_labour=self.parse_imposed_labour(raw["state_imposed"]) if "state_imposed" in raw else None,
            sharper_contexts=tuple(self.parse_sharper_context(entry) for entry in raw.get("sharper", [])),
            indicators=tuple(self.parse_indicator(i, groups) for i in self.require(raw, "indicator", "model", list)),
            screening_questions=tuple(self.parse_screening_question(entry) for entry in raw.get("gate", [])),
            floors=tuple(self.parse_floor(entry) for entry in self.require(raw, "floor", "model", list)),
            digest=digest,
        )
        self.validate(model)
        return model

    def validate(self, model: Model) -> None:
        """Check the model as a whole: ids are unique, names refer to existing entries, and facts do not rule out too much."""
        ids = [indicator.id for indicator in model.indicators]
        self.check_unique("indicator", ids)
        self.check_unique("context and sharper", [context.id for context in model.all_contexts])
        self.check_unique("floor", [floor.id for floor in model.floors])
        references = [(f"gate {question.id!r}", question.indicators) for question in model.screening_questions]
        references += [(f"floor {floor.id!r}", floor.indicator_ids) for floor in model.floors]
        references += [("audit_void_when", model.audit_void_when)]
        for item, indicator_ids in references:
            for indicator_id in indicator_ids:
                if indicator_id not in ids:
                    fault = f"names the indicator {indicator_id!r}, which the model does not have"
                    raise self.build_error(item, fault)
        sharper_ids = {context.id for context in model.sharper_contexts} | {"agency"}
        for indicator in model.indicators:
            for context_id in indicator.sharper_contexts:
                if context_id not in sharper_ids:
                    fault = f"names the sharper context {context_id!r}, which the model does not have"
                    raise self.build_error(f"indicator {indicator.id!r}", fault)
        is_place_context = [
            all(scaled.fact.startswith(("country.", "sector.")) for scaled in context.facts)
            and not context.only_where_known
            for context in model.contexts
        ]
        for context, is_place in zip(model.contexts, is_place_context, strict=True):
            if is_place and (context.takes_largest or len(context.all_facts) > len(context.facts)):
                fault = "'largest' and 'share' belong in a context that counts only where it is known (where_known)"
                raise self.build_error(f"context {context.id!r}", fault)
        if is_place_context != sorted(is_place_context, reverse=True):
            raise self.build_error("context", "contexts with country and sector facts must come first")
        if model.method not in METHODS:
            raise self.build_error("model", f"'method' is {model.method!r}, not one of {', '.join(map(str, METHODS))}")
        for context_id in model.imposed_labour.replaced_contexts if model.imposed_labour else ():
            replaced = next((context for context in model.contexts if context.id == context_id), None)
            if replaced is not None and replaced.lift > model.imposed_labour.documented_lift:  # type: ignore[union-attr]
                raise self.build_error("state_imposed", f"'replaces' names {context_id!r}, whose lift is larger")
        if (model.method >= 4) != (model.imposed_labour is not None):
            raise self.build_error("state_imposed", "is required from method 4, and not allowed before it")
        if not any(indicator.core for indicator in model.indicators):
            raise self.build_error("model", "at least one core indicator is required")
        # Method section 3: if facts rule out more than a fifth of the weight, the model should be split in two.
        if sum(i.weight for i in model.indicators if i.ruled_out_by) > 0.2 * model.total_weight:
            raise self.build_error(
                "ruled_out", "facts can rule out more than a fifth of the weight: split the model in two"
            )
