"""Exchange rates from a file: which one was in force at a payment, and which files are refused."""

from datetime import date
from decimal import Decimal

import pytest
from test_risk_models.repayment_factory import build_estimate, build_period, build_rates

from risk_models.repayment.exchange import Rates, RatesFileError, parse_rates_file


def test_a_payment_is_converted_at_the_rate_of_its_day():
    assert build_rates().find_rate("MYR", build_period("2018-06-20"), 31) == build_estimate("5.00", "5.00", "5.00")
    assert build_rates().find_rate("MYR", build_period("2018-06-19"), 31) == build_estimate("4.00", "4.00", "4.00")


def test_a_period_has_the_lowest_mean_and_highest_rate_in_force():
    assert build_rates().find_rate("MYR", build_period("2018-06-10", "2018-07-10"), 31) == build_estimate(
        "4.00", "4.50", "5.00"
    )
    assert build_rates().find_rate("MYR", build_period("2018-01-01", "2020-12-31"), 31) == build_estimate(
        "4.00", "4.30", "5.00"
    )


@pytest.mark.parametrize("day", ["2018-05-31", "2018-07-22", "2021-01-01"])
def test_without_a_rate_in_force_there_is_no_rate(day: str):
    assert build_rates().find_rate("MYR", build_period(day), 31) is None


def test_a_rate_expires_after_the_maximum_age():
    assert build_rates().find_rate("MYR", build_period("2018-07-21"), 31) == build_estimate("5.00", "5.00", "5.00")
    assert build_rates().find_rate("MYR", build_period("2018-07-21"), 30) is None


def test_the_currency_of_the_report_needs_no_rate():
    assert Rates("MYR").find_rate("MYR", build_period("1999-01-01"), 31) == build_estimate("1", "1", "1")


def test_days_may_be_in_any_order():
    rates = parse_rates_file(b"date,currency,per_usd\n2018-02-01,MYR,5\n2018-01-01,MYR,4\n", "USD")
    assert rates.find_rate("MYR", build_period("2018-01-15"), 31) == build_estimate("4", "4", "4")
    assert rates.days["MYR"] == (date(2018, 1, 1), date(2018, 2, 1))
    assert rates.values["MYR"] == (Decimal(4), Decimal(5))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", b"date,currency\n", b"date,currency,per_eur\n2018-01-01,MYR,4\n", b'date,currency,per_usd\n"2018',
        b"date,currency,per_usd\n2018-1-1,MYR,4\n", b"date,currency,per_usd\n2018-02-30,MYR,4\n",
        b"date,currency,per_usd\n2018-01-01,myr,4\n", b"date,currency,per_usd\n2018-01-01,MYR,0\n",
        b"date,currency,per_usd\n2018-01-01,MYR,-4\n", b"date,currency,per_usd\n2018-01-01,MYR,\"4,2\"\n",
        b"date,currency,per_usd\n2018-01-01,MYR,nan\n", b"date,currency,per_usd\n2018-01-01,MYR,4,5\n",
        b"date,currency,per_usd\n2018-01-01,MYR,4\n2018-01-01,MYR,5\n", "date,currency,per_usd\n2018-01-01,MYR,٤\n".encode(),
    ],
)  # fmt: skip
def test_an_invalid_file_is_refused_with_the_expected_format(data: bytes):
    with pytest.raises(RatesFileError) as raised:
        parse_rates_file(data, "USD")
    assert "exchange rate" in str(raised.value)


def test_the_error_names_the_invalid_line():
    with pytest.raises(RatesFileError, match=r"^Line 3 of the exchange rates"):
        parse_rates_file(b"date,currency,per_usd\n2018-01-01,MYR,4\n2018-01-02,MYR,x\n", "USD")
