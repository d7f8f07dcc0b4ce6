"""One supplier's whole loop over HTTP: listed, asked, answered by two people, reviewed, scored, planned, replied."""

import re

from callers import make_key
from flask import Flask
from test_online_questionnaires import create_case, find_section, hand_over

from questionnaires.form import load_form
from service.clock import now
from service.db.session import Database
from service.reviews.findings import recompute, take_findings


def test_a_supplier_answers_with_a_colleague_is_reviewed_and_scored_and_replies_to_its_findings(
    app: Flask, database: Database
):
    case = create_case(app, database, country="MY")
    scopes = ("suppliers:read", "suppliers:write", "remediation:read", "remediation:write")
    key = make_key(database, case.organisation_id, *scopes)

    def call(method: str, path: str, status: int = 200, **body: object) -> dict:
        answer = case.client.open(f"/api/v1{path}", method=method, json=body or None, headers=key)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.json

    supplier = f"/suppliers/{case.supplier_id}"
    level_before = call("GET", supplier)["level"]

    # Two people answer: the one who was sent the link, and a colleague who got one section of it.
    case.post("/open")
    recruitment, colleague = find_section(case, "Recruitment"), hand_over(case, "Recruitment")
    case.post("/open", colleague)
    case.save(case.see(recruitment, colleague), {"recruitment_fees": "none"}, colleague)
    workforce = {"workers_total": "120", "workers_migrant": "80", "worker_origin_countries": "Bangladesh"}
    case.save(case.see(find_section(case, "Workforce")), workforce)
    assert case.send().status_code == 303

    # The reviewer asks one answer back, because of what this corridor costs, and accepts the rest.
    asking = f"{supplier}/questionnaires/{case.asking_id}"
    answers = {one["question"]: one for one in call("GET", f"{asking}/review")["answers"]}
    assert "corridor" in [point["code"] for point in answers["recruitment_fees"]["points"]]
    choices = [{"question": question, "decision": "accepted"} for question in answers if question != "recruitment_fees"]
    ask = {"question": "recruitment_fees", "decision": "asked_back", "reason": "Who paid the agency in Dhaka?"}
    call("POST", f"{asking}/review", decisions=[*choices, ask])
    token = call("POST", f"{asking}/ask-back", 201)["address"].rpartition("/")[2]
    case.post("/open", token)
    section = re.search(r"/sections/\d+", case.see("", token))[0]
    case.save(case.see(section, token), {"recruitment_fees": "most"}, token)
    assert case.post("/send", token, confirmed="yes").status_code == 303
    call("POST", f"{asking}/review", decisions=[{"question": "recruitment_fees", "decision": "accepted"}])
    assert call("GET", f"{asking}/review")["state"] == "reviewed"

    # It is scored, and what was found becomes findings with steps.
    scored = call("GET", supplier)
    assert scored["answers"]["recruitment_fees"] == "most"
    assert scored["level"] != level_before
    with database.for_organisation(case.organisation_id) as session:
        take_findings(session, recompute(session, [case.supplier_id]), now())
    feeds = load_form("site").by_id["recruitment_fees"].feeds
    found = next(one for one in call("GET", "/findings")["items"] if one["about"] in feeds)
    assert call("GET", "/steps")["items"], "there is something to do about it"

    # The finding is put to the supplier, which accepts it through its link.
    letter = call("POST", f"{supplier}/letters", 201, findings=[found["id"]], text="Workers may have paid fees.")
    address = call("POST", f"{supplier}/links", 201, addressee="management", days=30)["address"]
    path = address.removeprefix("http://localhost")
    assert case.client.post(f"{path}/open").status_code == 303
    fields = {f"position-{found['id']}": "accepts", f"text-{found['id']}": "We will repay them."}
    assert case.client.post(f"{path}/letters/{letter['id']}", data=fields).status_code == 303
    (replied,) = call("GET", f"{supplier}/letters")["items"]
    assert replied["answered_at"] is not None
