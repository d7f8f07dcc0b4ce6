"""Name the goods that public lists know, in words that are recognised in the text of a product."""

from __future__ import annotations

from collections.abc import Iterable

from risk_models.facts.facts import FactSnapshot


def name_good(facts: FactSnapshot, good: str) -> str:
    """Return a word or phrase by which a good is recognised; its id in words, if only HS codes are."""
    title, words = good.replace("_", " "), facts.goods[good].words
    return words[0] if words and good not in facts.find_goods(title) else title


def list_listed_goods(facts: FactSnapshot, country: str, isic_codes: Iterable[str]) -> list[str]:
    """List the goods of sectors that are on the list of goods made with forced labour in a country."""
    goods = facts.list_goods_of(isic_codes)
    return [
        name_good(facts, good) for good in goods if facts.get_value("goods", f"{country}/{good}", "forced_labour") > 0
    ]


def list_recognised_goods(facts: FactSnapshot) -> list[str]:
    """List all goods that are recognised by words."""
    return [name_good(facts, name) for name, good in facts.goods.items() if good.words]
