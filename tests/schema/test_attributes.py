"""Vocabularies: what they refuse, what they find, and what the shipped ones hold."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from attrieve.errors import ConfigurationError, InputError, SchemaMismatchError, UnknownNameError, fold_name
from attrieve.schema import (
    Attribute,
    AttributeSchema,
    Group,
    GroupKind,
    load_vocabulary,
    vocabulary_names,
)
from strategies import schemas

BINARY = GroupKind.BINARY


def small_schema() -> AttributeSchema:
    attributes = (Attribute("hat", "hat", ("cap",)), Attribute("young", "<30"), Attribute("old", ">60"))
    groups = (Group("head", BINARY, ("hat",)), Group("age", GroupKind.EXCLUSIVE, ("young", "old")))
    return AttributeSchema("small", attributes, groups)


@given(schemas(min_attributes=2))
def test_fingerprint_changes_with_the_order_of_attributes(schema):
    """Vectors of one order are not vectors of another."""
    turned = replace(schema, attributes=schema.attributes[::-1])
    assert turned.fingerprint != schema.fingerprint


def test_fingerprint_changes_with_names_and_groups_but_not_with_words_for_people():
    """Labels, aliases, the schema's name and its source may be improved; the rest may not."""
    schema = small_schema()
    renamed = replace(
        schema,
        attributes=(Attribute("cap", "hat"), *schema.attributes[1:]),
        groups=(Group("head", BINARY, ("cap",)), schema.groups[1]),
    )
    other_kind = replace(schema, groups=(schema.groups[0], replace(schema.groups[1], kind=GroupKind.MULTI)))
    relabelled = replace(
        schema, name="other", source="s", attributes=(Attribute("hat", "headgear"), *schema.attributes[1:])
    )
    assert len({schema.fingerprint, renamed.fingerprint, other_kind.fingerprint}) == 3
    assert relabelled.fingerprint == schema.fingerprint


@given(schemas())
def test_a_schema_survives_json(schema):
    """What is written into checkpoints reads back equal."""
    again = AttributeSchema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    assert again.fingerprint == schema.fingerprint


def test_an_edited_schema_document_is_refused():
    """A stated fingerprint that does not fit the content is a hand edit."""
    document = small_schema().to_json() | {"fingerprint": "0" * 16}
    with pytest.raises(SchemaMismatchError, match="edited by hand"):
        AttributeSchema.from_json(document)


@pytest.mark.parametrize(
    "document",
    [
        [],
        "peta35",
        {},
        {"name": "a", "attributes": [{}], "groups": []},
        {
            "name": "a",
            "attributes": [{"name": "x"}],
            "groups": [{"name": "g", "kind": "no", "attributes": ["x"]}],
        },
    ],
)
def test_documents_that_are_no_schema_are_refused(document):
    """Any malformed document is an input error, never a KeyError."""
    with pytest.raises(InputError):
        AttributeSchema.from_json(document)


@pytest.mark.parametrize(
    ("attributes", "groups"),
    [
        ((), ()),
        (("a", "a"), (("g", ("a",)),)),
        (("a", "b"), (("g", ("a",)),)),
        (("a",), (("g", ("a",)), ("h", ("a",)))),
    ],
    ids=["empty", "repeated", "ungrouped", "in two groups"],
)
def test_inconsistent_schemas_are_refused(attributes, groups):
    """Every attribute is there once and in one group."""
    with pytest.raises(ConfigurationError):
        AttributeSchema(
            "bad",
            tuple(Attribute(name, name) for name in attributes),
            tuple(Group(name, BINARY, members) for name, members in groups),
        )


def test_a_group_of_unknown_attributes_is_refused():
    """The message names the stranger."""
    with pytest.raises(UnknownNameError, match=r"'hut'.*'hat'"):
        AttributeSchema("bad", (Attribute("hat", "hat"),), (Group("g", BINARY, ("hat", "hut")),))


@given(schemas())
def test_every_name_label_and_alias_finds_its_attribute(schema):
    """Case, underscores, dashes and spaces do not matter."""
    for index, attribute in enumerate(schema.attributes):
        for name in (attribute.name, attribute.label, *attribute.aliases):
            assert schema.index_of(name.upper().replace(" ", "_")) == index


@given(schemas())
def test_group_indices_point_at_the_group_members(schema):
    """Positions are those of the schema, in the group's own order, and cover all once."""
    for group, indices in zip(schema.groups, schema.group_indices, strict=True):
        assert tuple(schema.names[index] for index in indices) == group.attributes
    assert sorted(index for indices in schema.group_indices for index in indices) == list(range(len(schema)))


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("bakpack", "backpack"), ("back-pak", "backpack"), ("sunglases", "sunglasses"), ("jens", "jeans")],
)
def test_a_typo_brings_the_nearest_name(typo, meant):
    """The error carries suggestions and shows them."""
    with pytest.raises(UnknownNameError) as caught:
        load_vocabulary("peta35").index_of(typo)
    assert meant in caught.value.nearest
    assert repr(meant) in str(caught.value)


def test_an_unknown_name_without_neighbours_lists_known_ones():
    """Somebody who guesses wildly sees what there is."""
    with pytest.raises(UnknownNameError, match="known: hat, hat, cap"):
        small_schema().index_of("zzzzqqqq")


def test_groups_are_found_by_name_or_alias():
    """Folded like attribute names."""
    schema = replace(
        small_schema(),
        groups=(Group("head", BINARY, ("hat",), None, ("Head Gear",)), small_schema().groups[1]),
    )
    assert schema.group_of("headgear").name == "head"
    with pytest.raises(UnknownNameError, match="attribute group 'ages'; did you mean 'age'"):
        schema.group_of("ages")


def test_columns_are_selected_by_exact_name_only():
    """Data columns are never matched by an alias."""
    schema = small_schema()
    assert schema.positions_of(["old", "hat"]) == [2, 0]
    with pytest.raises(UnknownNameError):
        schema.positions_of(["cap"])


def test_two_vocabularies_do_not_mix():
    """The message shows both names and fingerprints."""
    ours, theirs = load_vocabulary("peta35"), load_vocabulary("peta105")
    ours.require_same(load_vocabulary("peta35"), here="a", there="b")
    with pytest.raises(SchemaMismatchError) as caught:
        ours.require_same(theirs, here="the model", there="the gallery")
    for shown in ("the model", "the gallery", "peta35", "peta105", ours.fingerprint, theirs.fingerprint):
        assert shown in str(caught.value)


def test_an_unknown_vocabulary_brings_the_nearest():
    """Names of shipped vocabularies are suggested."""
    with pytest.raises(UnknownNameError, match="peta35"):
        load_vocabulary("peta_36")


@pytest.mark.parametrize("name", vocabulary_names())
class TestShippedVocabularies:
    """Each vocabulary file that comes with the package."""

    def test_no_word_means_two_attributes(self, name):
        """Names, labels and aliases of different attributes never fold to the same word."""
        owners: dict[str, set[str]] = {}
        for attribute in load_vocabulary(name).attributes:
            for word in (attribute.name, attribute.label, *attribute.aliases):
                owners.setdefault(fold_name(word), set()).add(attribute.name)
        assert {word: names for word, names in owners.items() if len(names) > 1} == {}

    def test_no_word_means_two_groups(self, name):
        """Group names and their aliases are distinct."""
        words = [
            fold_name(word)
            for group in load_vocabulary(name).groups
            for word in {fold_name(known) for known in (group.name, *group.aliases)}
        ]
        assert [word for word, count in Counter(words).items() if count > 1] == []

    def test_groups_cover_every_attribute_once(self, name):
        """No attribute is left without a question it answers."""
        schema = load_vocabulary(name)
        assert Counter(member for group in schema.groups for member in group.attributes) == Counter(
            schema.names
        )

    def test_kinds_fit_the_members(self, name):
        """Binary means one attribute, and "none of these" is one of these."""
        for group in load_vocabulary(name).groups:
            assert (group.kind is BINARY) == (len(group.attributes) == 1), group.name
            assert (group.kind is GroupKind.MULTI_WITH_NONE) == (group.none_attribute is not None), group.name
            assert group.none_attribute is None or group.none_attribute in group.attributes

    def test_every_attribute_has_words_for_people(self, name):
        """Labels are not the camel-case names of the files, apart from plain words."""
        for attribute in load_vocabulary(name).attributes:
            assert attribute.label.strip() == attribute.label != ""


def test_peta35_is_the_head_of_peta105():
    """So that models of the 35 read the first columns."""
    assert load_vocabulary("peta105").names[:35] == load_vocabulary("peta35").names


@pytest.mark.parametrize(
    ("attribute", "group"),
    [("hat?", "head"), ("a,b", "head"), ("a|b", "head"), ("!a", "head"), ("hat", "Any")],
)
def test_names_no_query_could_say_are_refused(attribute: str, group: str) -> None:
    with pytest.raises(ConfigurationError, match="no query could say"):
        AttributeSchema("odd", (Attribute(attribute, "x"),), (Group(group, GroupKind.BINARY, (attribute,)),))
