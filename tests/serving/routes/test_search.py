"""Searches over REST give what the gallery's own search gives, page by page."""

import json

import numpy as np
import pytest
from fastapi.testclient import TestClient

from attrieve.gallery.counterfactual import ranks_without_terms
from attrieve.gallery.feedback import Marks
from attrieve.gallery.likelihood import Distance, LikelihoodFusion
from attrieve.gallery.next_question import next_questions
from attrieve.gallery.search import search
from attrieve.gallery.witness_search import search_for_witnesses
from attrieve.schema import parse_query
from attrieve.schema.witnesses import read_witness
from attrieve.serving.service import Service
from attrieve.serving.state.ledger_entry import Action
from serving.place import Place

QUERY = "hat, backpack?, !scarf"
API = "/api/v1/search"


def keys_of(answer: dict) -> list[str]:
    return [hit["key"] for hit in answer["hits"]]


def test_hits_are_those_of_the_gallery_s_search(client: TestClient, service: Service) -> None:
    answer = client.post(API, json={"query": QUERY, "top": 24, "page_size": 24}).json()
    gallery = service.galleries.current()
    truth = search(gallery, parse_query(QUERY, gallery.schema), top=24)
    assert [(hit["rank"], hit["key"], hit["distance"]) for hit in answer["hits"]] == [
        (hit.rank, hit.key, hit.distance) for hit in truth.hits
    ]
    told = [
        [(one["attribute"], one["share"], one["matches"]) for one in hit["reasons"]] for hit in answer["hits"]
    ]
    assert told == [[(one.attribute, one.share, one.matches) for one in hit.reasons] for hit in truth.hits]


def test_contributions_sum_to_the_distance(client: TestClient) -> None:
    for hit in client.get(API, params={"q": QUERY}).json()["hits"]:
        parts = [reason["contribution"] for reason in hit["reasons"]]
        assert sum(parts) + hit["embedding_contribution"] == pytest.approx(hit["distance"], rel=1e-5)


@pytest.mark.parametrize("size", [5, 11])
def test_pages_put_together_are_the_whole(client: TestClient, size: int) -> None:
    whole = client.post(API, json={"query": QUERY, "page_size": 24}).json()
    pages = [
        client.post(API, json={"query": QUERY, "page_size": size, "page": page + 1}).json()
        for page in range(-(-24 // size))
    ]
    assert [hit for page in pages for hit in page["hits"]] == whole["hits"]
    assert {page["total"] for page in pages} == {24}
    assert pages[0]["pages"] == len(pages)


def test_address_and_body_ask_the_same(client: TestClient) -> None:
    by_body = client.post(
        API,
        json={
            "query": QUERY,
            "where": ["camera=C1,C2"],
            "page_size": 3,
            "what_if": True,
            "questions": 2,
            "fusion_weight": 0.7,
            "normalisation": "static",
        },
    ).json()
    by_address = client.get(
        API,
        params={
            "q": QUERY,
            "where": "camera=C1,C2",
            "page_size": 3,
            "what_if": True,
            "questions": 2,
            "fusion_weight": 0.7,
            "normalisation": "static",
        },
    ).json()
    for answer in (by_body, by_address):
        del answer["ledger_entry"]
    assert by_body == by_address
    assert by_body["fusion"] == {"attribute_weight": 0.7, "embedding_weight": 1.0, "normalisation": "static"}


def test_conditions_leave_only_rows_that_meet_them(client: TestClient, place: Place) -> None:
    answer = client.post(API, json={"query": "hat", "where": ["camera=C1", "time<2024-05-01T12:12"]}).json()
    truth = {row.key for row in place.rows if row.camera == "C1" and row.time.minute < 12}
    assert set(keys_of(answer)) == truth
    assert answer["rows_searched"] == answer["total"] == len(truth)
    assert answer["rows"] == 24


def test_no_row_meets_the_conditions(client: TestClient) -> None:
    answer = client.post(API, json={"query": "hat", "where": ["camera=C9"]}).json()
    assert (answer["hits"], answer["total"], answer["pages"]) == ([], 0, 1)


def test_hits_carry_the_facts_of_their_rows(client: TestClient, place: Place) -> None:
    rows = {row.key: row for row in place.rows}
    for hit in client.post(API, json={"query": "hat", "page_size": 24}).json()["hits"]:
        row = rows[hit["key"]]
        assert (hit["camera"], hit["track"], hit["frame"]) == (row.camera, row.track, row.frame)
        assert hit["time"] == row.time.isoformat()
        assert hit["box"] == {"x": 1, "y": 2, "width": 10, "height": 20}
        assert hit["links"]["crop"] == f"/api/v1/persons/{row.key}/crop"


def test_witnesses_are_pooled(client: TestClient, service: Service) -> None:
    said = ["A: hat, backpack?", "B~0.6: hat, !scarf"]
    answer = client.post(API, json={"witnesses": said, "page_size": 4}).json()
    gallery = service.galleries.current()
    truth = search_for_witnesses(gallery, [read_witness(one, gallery.schema) for one in said], top=4)
    assert keys_of(answer) == [hit.key for hit in truth.ranking.hits]
    assert answer["query"]["text"] == truth.pooled.query.to_text()
    assert {
        name: tuple(ranks) for name, ranks in answer["witnesses"]["ranks_without"].items()
    } == truth.without
    assert [one["name"] for one in answer["witnesses"]["said"]] == ["A", "B"]


def test_what_if_tells_where_the_page_would_stand(client: TestClient, service: Service) -> None:
    answer = client.post(API, json={"query": QUERY, "page_size": 5, "page": 2, "what_if": True}).json()
    gallery = service.galleries.current()
    query = parse_query(QUERY, gallery.schema)
    ranking = search(gallery, query, top=10)
    truth = ranks_without_terms(gallery, query, ranking)
    assert list(answer["ranks_without"].values()) == [list(one.ranks[5:]) for one in truth]


def test_questions_are_those_of_the_hits_so_far(client: TestClient, service: Service) -> None:
    answer = client.post(API, json={"query": "hat", "page_size": 6, "questions": 3}).json()
    gallery = service.galleries.current()
    query = parse_query("hat", gallery.schema)
    truth = next_questions(gallery, query, search(gallery, query, top=6), most=3)
    assert [(one["label"], one["bits"]) for one in answer["questions"]] == [
        (one.label, one.bits) for one in truth
    ]


def test_what_witnesses_contradict_each_other_in_is_not_asked_again(client: TestClient) -> None:
    """They cancel out, so that nothing of it is searched for; but both have answered."""
    said = ["A: !hat, backpack", "B: hat, !scarf"]
    answer = client.post(API, json={"witnesses": said, "questions": 20}).json()
    assert "hat" not in answer["query"]["text"]
    asked = {one["label"] for one in answer["questions"]}
    assert asked
    assert asked.isdisjoint({"hat", "backpack", "scarf"})


def test_marked_rows_count(client: TestClient, service: Service) -> None:
    plain = keys_of(client.post(API, json={"query": QUERY, "page_size": 24}).json())
    marks = {"right": plain[20:22], "wrong": plain[:2]}
    answer = client.post(API, json={"query": QUERY, "page_size": 24, **marks}).json()
    gallery = service.galleries.current()
    query = parse_query(QUERY, gallery.schema)
    truth = search(gallery, query, top=24, marks=Marks.of(marks["right"], marks["wrong"]))
    assert keys_of(answer) == [hit.key for hit in truth.hits] != plain
    assert [hit["distance"] for hit in answer["hits"]] == [hit.distance for hit in truth.hits]
    assert answer["feedback"]["right"] == sorted(marks["right"])


@pytest.mark.parametrize("distance", ["independent", "group"])
def test_likelihoods_are_the_gallery_s(client: TestClient, service: Service, distance: str) -> None:
    body = {"query": QUERY, "distance": distance, "nats": 3.5, "page_size": 24}
    answer = client.post(API, json=body).json()
    gallery = service.galleries.current()
    fusion = LikelihoodFusion(embedding_weight=3.5, distance=Distance(distance))
    truth = search(gallery, parse_query(QUERY, gallery.schema), top=24, fusion=fusion)
    assert [(hit["key"], hit["distance"]) for hit in answer["hits"]] == [
        (hit.key, hit.distance) for hit in truth.hits
    ]
    told = [[one["contribution"] for one in hit["reasons"]] for hit in answer["hits"]]
    assert told == [[one.contribution for one in hit.reasons] for hit in truth.hits]
    assert answer["distance"] == distance


def test_a_sentence_tells_how_it_was_understood(client: TestClient) -> None:
    answer = client.post(API, json={"query": "somebody old with a glittering hat"}).json()
    assert answer["query"]["ignored"] == ["glittering"]
    assert {one["part"] for one in answer["query"]["understood"]} >= {"attribute", "ignored", "filler"}


def test_table_is_read_as_the_language_is(client: TestClient) -> None:
    by_table = client.post(API, json={"query": {"hat": True, "scarf": False, "backpack": 0.5}}).json()
    by_text = client.post(API, json={"query": "hat, !scarf, backpack?"}).json()
    assert keys_of(by_table) == keys_of(by_text)


def test_search_stands_in_the_ledger_with_its_hits(client: TestClient, service: Service) -> None:
    answer = client.post(
        API,
        json={
            "query": QUERY,
            "page_size": 3,
            "where": ["camera=C1"],
            "purpose": "lost child",
            "case": "7/24",
        },
    ).json()
    [entry] = service.ledger.entries(newest_first=True, limit=1)
    assert entry.sequence == answer["ledger_entry"]
    assert (entry.action, entry.purpose, entry.case) == (Action.SEARCH, "lost child", "7/24")
    assert list(entry.keys) == keys_of(answer)
    assert entry.query == answer["query"]["text"]
    assert entry.details["where"] == ["camera=C1"]


@pytest.mark.parametrize(
    ("body", "problem", "said"),
    [
        ({"query": "hatt"}, "unknown-name", "'hat'"),
        ({"query": "hat, !hat"}, "query-not-understood", "character"),
        ({"query": ""}, "query-not-understood", "empty"),
        ({"query": {}}, "query-not-understood", "empty"),
        ({"query": "ha\x00t"}, "query-not-understood", "control character"),
        ({"query": "@/etc/passwd"}, "unknown-name", "@/etc/passwd"),
        ({"query": "hat", "witnesses": ["A: hat"]}, "query-not-understood", "not both"),
        ({}, "query-not-understood", "'query' or 'witnesses'"),
        ({"witnesses": ["hat"]}, "query-not-understood", "NAME: description"),
        ({"query": "hat", "where": ["kamera=C1"]}, "unknown-name", "'camera'"),
        ({"query": "hat", "where": ["camera=C1' OR 1=1 --"]}, None, ""),
        (
            {"query": "hat", "where": ["1=1; DROP TABLE rows"]},
            "query-not-understood",
            "COLUMN OPERATOR VALUE",
        ),
        ({"query": "hat", "top": 0}, "invalid-request", "body.top"),
        ({"query": "hat", "top": 5000}, "invalid-input", "at most 1000"),
        ({"query": "hat", "page": 6, "page_size": 20}, "invalid-input", "behind"),
        ({"query": "hat", "quary": "x"}, "invalid-request", "'query'"),
        ({"query": "hat", "right": ["x"]}, "invalid-request", "body.right.0"),
        ({"query": "hat", "right": ["0" * 16]}, "unknown-name", "row"),
        ({"query": "hat", "fusion_weight": -1}, "invalid-request", "fusion_weight"),
        ({"query": "hat" * 1000}, "invalid-request", "2000"),
        ({"query": "hat", "distance": "manhattan"}, "invalid-request", "distance"),
        ({"query": "hat", "distance": "group", "fusion_weight": 1}, "invalid-input", "fusion_weight"),
        ({"query": "hat", "distance": "ranked"}, "invalid-input", "attrieve gallery calibrate"),
        ({"query": "hat", "nats": 1}, "invalid-input", "likelihood"),
    ],
)
def test_what_cannot_be_searched_for(client: TestClient, body: dict, problem: str | None, said: str) -> None:
    response = client.post(API, json=body)
    if problem is None:  # taken as a camera's name, which no row has
        assert response.json()["total"] == 0
        return
    told = response.json()
    assert response.status_code == told["status"] == 422
    assert told["type"] == f"/api/v1/problems/{problem}"
    assert said in told["detail"]
    assert response.headers["content-type"] == "application/problem+json"


def test_unknown_names_come_with_the_nearest(client: TestClient) -> None:
    told = client.post(API, json={"query": "bakpack"}).json()
    assert (told["name"], told["nearest"]) == ("bakpack", ["backpack"])


@pytest.mark.parametrize("content", [b"{", b"[]", b'"hat"', b"\xff\xfe", b"{'query': 'hat'}", b""])
def test_what_is_no_json_object(client: TestClient, content: bytes) -> None:
    response = client.post(API, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert "detail" in response.json()


def test_numbers_of_the_answer_are_finite(client: TestClient) -> None:
    text = client.post(API, json={"query": QUERY, "what_if": True, "questions": 20}).text
    assert "NaN" not in text
    assert "Infinity" not in text
    assert np.isfinite([hit["distance"] for hit in json.loads(text)["hits"]]).all()
