"""What a description leaves no choice in."""

from attrieve.schema.attributes import ONE_OF, GroupKind
from attrieve.schema.query import AttributeQuery


def answered_by(query: AttributeQuery) -> frozenset[int]:
    """Return the positions of what a description names, and of what its certain parts leave no choice in.

    Who is young is not old; who carries nothing has no bag. What is doubtful settles nothing but itself.

    >>> from attrieve.schema import load_vocabulary, parse_query
    >>> schema = load_vocabulary("peta35")
    >>> answered = answered_by(parse_query("under 30, hat?", schema))
    >>> [schema.labels[index] for index in sorted(answered)]
    ['under 30', '30 to 45', '45 to 60', 'over 60', 'hat']
    """
    schema = query.schema
    sure = [term for term in query.terms if term.certainty == 1.0]
    refused = {index for term in sure if not term.wanted for index in term.attributes}
    answered = set(query.named)
    for group, members in zip(schema.groups, schema.group_indices, strict=True):
        within = set(members)
        wanted = [set(term.attributes) for term in sure if term.wanted and within.issuperset(term.attributes)]
        if group.kind in ONE_OF:
            if wanted or (group.kind is GroupKind.EXCLUSIVE and len(within - refused) == 1):
                answered |= within
        elif group.kind is GroupKind.MULTI_WITH_NONE:
            none = {schema.names.index(str(group.none_attribute))}
            if none in wanted:
                answered |= within
            elif any(none.isdisjoint(some) for some in wanted):
                answered |= none
    return frozenset(answered)
