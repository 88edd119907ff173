"""Every route and page against every role.

The table below is the policy, written a second time by hand: a route that is not in it fails the test, and so
does one whose permission was changed without changing it here.
"""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from attrieve.serving.access.guard import Requires
from attrieve.serving.access.roles import POLICY, Actor, Permission, Role
from serving.access.entrances import administration, service

SEARCHER, CURATOR, AUDITOR, ADMINISTRATOR = Role
ROLES: dict[str, set[Role]] = {
    "search": {SEARCHER},
    "mark": {SEARCHER},
    "case": {SEARCHER},
    "export": {SEARCHER},
    "view": {SEARCHER, CURATOR},
    "add": {CURATOR},
    "delete": {CURATOR},
    "reindex": {CURATOR},
    "jobs": {CURATOR},
    "read-ledger": {AUDITOR},
    "manage-accounts": {ADMINISTRATOR},
    "see-metrics": {ADMINISTRATOR},
    "see-gallery": {SEARCHER, CURATOR, ADMINISTRATOR},
    "see-vocabulary": {SEARCHER, CURATOR, AUDITOR, ADMINISTRATOR},
    "own-account": {SEARCHER, CURATOR, AUDITOR, ADMINISTRATOR},
}
"""Who has each permission."""

PUBLIC = "public"
TABLE = """
GET    /api/v1/openapi.json                          public
GET    /api/v1/problems                              public
GET    /api/v1/problems/{name}                       public
GET    /api/v1/health/live                           public
GET    /api/v1/health/ready                          public
POST   /api/v1/sign-in                               public
GET    /sign-in                                      public
POST   /sign-in                                      public
GET    /theme                                        public
GET    /responsible-use                              public
GET    /static/{name}                                public
GET    /favicon.ico                                  public

POST   /api/v1/search                                search
GET    /api/v1/search                                search
POST   /api/v1/cases/{case}/refine                   search
GET    /                                             search
GET    /description                                  search
GET    /api/v1/persons/{key}                         view
GET    /api/v1/persons/{key}/crop                    view
GET    /api/v1/persons/{key}/thumbnail               view
GET    /api/v1/persons/{key}/heat-maps/{attribute}.png view
GET    /api/v1/persons/{key}/like                    view
GET    /api/v1/persons/{key}/track                   view
GET    /persons/{key}                                view
GET    /compare                                      view
PUT    /api/v1/cases/{case}/hits/{key}/mark          mark
POST   /marks                                        mark

GET    /api/v1/cases                                 case
POST   /api/v1/cases                                 case
GET    /api/v1/cases/{case}                          case
PATCH  /api/v1/cases/{case}                          case
DELETE /api/v1/cases/{case}                          case
PUT    /api/v1/cases/{case}/members/{name}           case
DELETE /api/v1/cases/{case}/members/{name}           case
GET    /api/v1/cases/{case}/notes                    case
POST   /api/v1/cases/{case}/notes                    case
DELETE /api/v1/cases/{case}/notes/{note}             case
GET    /api/v1/cases/{case}/queries                  case
POST   /api/v1/cases/{case}/queries                  case
DELETE /api/v1/cases/{case}/queries/{query}          case
GET    /api/v1/cases/{case}/hits                     case
POST   /api/v1/cases/{case}/hits                     case
GET    /api/v1/cases/{case}/hits/{key}               case
DELETE /api/v1/cases/{case}/hits/{key}               case
GET    /api/v1/cases/{case}/marks                    case
GET    /cases                                        case
POST   /cases                                        case
GET    /cases/add                                    case
POST   /cases/add                                    case
GET    /cases/{number}                               case
POST   /cases/{number}/hits/{key}                    case
POST   /cases/{number}/notes                         case
POST   /cases/{number}/members                       case
POST   /cases/{number}/status                        case

POST   /api/v1/cases/{case}/exports                  export
GET    /api/v1/cases/{case}/exports                  export
GET    /api/v1/cases/{case}/exports/{number}         export
GET    /api/v1/cases/{case}/exports/{number}/file    export
POST   /cases/{number}/exports                       export

POST   /api/v1/images                                add
POST   /images                                       add
DELETE /api/v1/persons/{key}                         delete
POST   /api/v1/gallery/delete                        delete
POST   /api/v1/gallery/compact                       reindex
POST   /api/v1/gallery/re-index                      reindex
GET    /api/v1/jobs                                  jobs
GET    /api/v1/jobs/{number}                         jobs
POST   /api/v1/jobs/{number}/cancel                  jobs
POST   /api/v1/jobs/{number}/retry                   jobs
GET    /jobs                                         jobs
POST   /jobs/{number}/cancel                         jobs
POST   /jobs/{number}/retry                          jobs

GET    /api/v1/ledger                                read-ledger
GET    /api/v1/ledger/verify                         read-ledger
GET    /api/v1/ledger/head                           read-ledger
GET    /api/v1/ledger/export                         read-ledger
GET    /ledger                                       read-ledger

GET    /api/v1/accounts                              manage-accounts
POST   /api/v1/accounts                              manage-accounts
GET    /api/v1/accounts/{name}                       manage-accounts
PATCH  /api/v1/accounts/{name}                       manage-accounts
DELETE /api/v1/accounts/{name}                       manage-accounts
GET    /api/v1/keys                                  manage-accounts
POST   /api/v1/keys                                  manage-accounts
POST   /api/v1/keys/{prefix}/rotate                  manage-accounts
DELETE /api/v1/keys/{prefix}                         manage-accounts
GET    /accounts                                     manage-accounts
POST   /accounts                                     manage-accounts
POST   /accounts/role                                manage-accounts
POST   /accounts/disable                             manage-accounts
POST   /accounts/enable                              manage-accounts
POST   /accounts/keys                                manage-accounts
POST   /accounts/keys/revoke                         manage-accounts
GET    /api/v1/metrics                               see-metrics

GET    /api/v1/gallery                               see-gallery
GET    /api/v1/gallery/statistics                    see-gallery
GET    /gallery                                      see-gallery
GET    /api/v1/vocabulary                            see-vocabulary
GET    /api/v1/vocabulary/synonyms                   see-vocabulary
GET    /api/v1/vocabulary/languages                  see-vocabulary
GET    /api/v1/vocabulary/reading                    see-vocabulary
GET    /vocabulary                                   see-vocabulary

POST   /api/v1/sign-out                              own-account
GET    /api/v1/account                               own-account
PUT    /api/v1/account/password                      own-account
POST   /sign-out                                     own-account
GET    /account                                      own-account
POST   /account                                      own-account
GET    /occasion                                     own-account
POST   /occasion                                     own-account
"""
EXPECTED = {
    (method, path): permission
    for method, path, permission in (line.split() for line in TABLE.strip().splitlines() if line)
}
FILLED_IN = {
    "key": "0" * 16, "attribute": "hat", "name": "somebody", "case": "999", "number": "999", "note": "999",
    "query": "999", "prefix": "0" * 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, TestClient]]:
    with service(tmp_path_factory.mktemp("state")) as both:
        yield both


@pytest.fixture(scope="module")
def keys(opened: tuple[FastAPI, TestClient]) -> dict[Role, dict[str, str]]:
    boss = administration(opened[0])
    made = {role: boss.create_key(f"{role.value}-program", role, days=1.0)[0] for role in Role}
    return {role: {"authorization": f"Bearer {text}"} for role, text in made.items()}


def routes(app: FastAPI) -> dict[tuple[str, str], list[str]]:
    """Return the permissions each route asks for."""
    found = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        asked = [] if dependant is None else [one.call for one in dependant.dependencies]
        permissions = [one.permission.value for one in asked if isinstance(one, Requires)]
        for method in set(route.methods or {"GET"}) - {"HEAD"}:
            found[method, route.path] = permissions
    return found


def test_every_route_is_in_the_table_and_asks_for_what_it_says(opened: tuple[FastAPI, TestClient]) -> None:
    """A route added without a line here, or one that asks for nothing, is a hole."""
    found = routes(opened[0])
    assert sorted(found.keys() - EXPECTED.keys()) == [], "not in the table"
    assert sorted(EXPECTED.keys() - found.keys()) == [], "in the table, but there is no such route"
    wrong = {
        route: permissions
        for route, permissions in found.items()
        if permissions != ([] if EXPECTED[route] == PUBLIC else [EXPECTED[route]])
    }
    assert wrong == {}


def test_the_policy_is_the_one_written_here() -> None:
    """Role by role, for sessions and keys; nobody has nothing, this machine's user everything."""
    assert {permission.value for permission in Permission} == set(ROLES)
    for permission in Permission:
        assert POLICY[permission] == ROLES[permission.value], permission
        for role in Role:
            expected = role in ROLES[permission.value]
            assert Actor("x", role, "session").may(permission) == expected
            assert Actor("x", role, "key").may(permission) == expected
            assert not Actor("x", role, "nobody").may(permission)
            assert Actor("x", role, "local").may(permission)


def call(client: TestClient, method: str, path: str, headers: dict[str, str]) -> int:
    for name, value in FILLED_IN.items():
        path = path.replace("{" + name + "}", value)
    return int(client.request(method, path, headers=headers).status_code)


@pytest.mark.parametrize("role", list(Role))
def test_every_route_for_a_role(
    opened: tuple[FastAPI, TestClient], keys: dict[Role, dict[str, str]], role: Role
) -> None:
    """Refused with 403 exactly where the table says so; what is allowed may fail for other reasons."""
    _, client = opened
    for (method, path), permission in EXPECTED.items():
        status = call(client, method, path, keys[role])
        if (method, path) == ("POST", "/sign-in"):
            assert status == 403  # for want of the form's token, whoever asks
        elif permission == PUBLIC or role in ROLES[permission]:
            assert status not in (401, 403, 500), (role, method, path, status)
        else:
            assert status == 403, (role, method, path, status)


def test_every_route_for_nobody(opened: tuple[FastAPI, TestClient]) -> None:
    """Without key or session only what is public answers."""
    _, client = opened
    client.cookies.clear()
    for (method, path), permission in EXPECTED.items():
        if permission != PUBLIC:
            assert call(client, method, path, {}) == 401, (method, path)


def test_refusals_stand_in_the_ledger(
    opened: tuple[FastAPI, TestClient], keys: dict[Role, dict[str, str]]
) -> None:
    """Who tried what, and what it would have needed."""
    app, client = opened
    client.get("/api/v1/ledger", headers=keys[Role.SEARCHER])
    last = app.state.service.ledger.entries(action="refused", newest_first=True, limit=1)[0]
    assert (last.who, last.role) == ("searcher-program", "searcher")
    assert last.details == {"method": "GET", "path": "/api/v1/ledger", "needs": "read-ledger"}


@pytest.mark.parametrize("role", list(Role))
def test_nobody_changes_the_ledger(
    opened: tuple[FastAPI, TestClient], keys: dict[Role, dict[str, str]], role: Role
) -> None:
    """There is no such route, for no role and no method."""
    _, client = opened
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/v1/ledger", "/api/v1/ledger/1", "/ledger", "/ledger/1"):
            assert call(client, method, path, keys[role]) in (404, 405), (method, path)
