"""What a drawn person consists of, and which parts an attribute is seen in."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class DrawnPart(IntEnum):
    """What a pixel of a drawing belongs to, as far as it is seen; 0 is whatever stands around the person."""

    BACKGROUND = 0
    HEAD = 1
    NECK = 2
    HAIR = 3
    HAT = 4
    HAIR_BAND = 5
    KERCHIEF = 6
    HEADPHONE = 7
    SUNGLASSES = 8
    MUFFLER = 9
    TRUNK = 10
    NECKLINE = 11
    LOGO = 12
    ARM = 13
    SLEEVE = 14
    LOWER = 15
    LEG = 16
    FOOTWEAR = 17
    BACKPACK = 18
    MESSENGER_BAG = 19
    PLASTIC_BAG = 20
    OTHER_BAG = 21
    SUITCASE = 22
    LUGGAGE = 23
    FOLDER = 24
    UMBRELLA = 25
    TROLLEY = 26
    BUGGY = 27
    STICK = 28
    OCCLUDER = 29


_UPPER = (DrawnPart.TRUNK, DrawnPart.NECKLINE, DrawnPart.LOGO, DrawnPart.SLEEVE)
_BARE_BELOW = (DrawnPart.LOWER, DrawnPart.LEG)

_OWN_PARTS: dict[str, tuple[DrawnPart, ...]] = {
    "carryingBackpack": (DrawnPart.BACKPACK,),
    "carryingOther": (DrawnPart.OTHER_BAG,),
    "carryingMessengerBag": (DrawnPart.MESSENGER_BAG,),
    "carryingPlasticBags": (DrawnPart.PLASTIC_BAG,),
    "carryingSuitcase": (DrawnPart.SUITCASE,),
    "carryingLuggageCase": (DrawnPart.LUGGAGE,),
    "carryingFolder": (DrawnPart.FOLDER,),
    "carryingUmbrella": (DrawnPart.UMBRELLA,),
    "carryingShoppingTro": (DrawnPart.TROLLEY,),
    "carryingBabyBuggy": (DrawnPart.BUGGY,),
    "accessoryHat": (DrawnPart.HAT,),
    "accessoryMuffler": (DrawnPart.MUFFLER,),
    "accessorySunglasses": (DrawnPart.SUNGLASSES,),
    "accessoryHeadphone": (DrawnPart.HEADPHONE,),
    "accessoryHairBand": (DrawnPart.HAIR_BAND,),
    "accessoryKerchief": (DrawnPart.KERCHIEF,),
    "hairBald": (DrawnPart.HEAD, DrawnPart.HAIR),
    "upperBodyLogo": (DrawnPart.LOGO,),
    "upperBodyVNeck": (DrawnPart.NECKLINE,),
    "upperBodyShortSleeve": (DrawnPart.ARM, DrawnPart.SLEEVE),
    "upperBodyLongSleeve": (DrawnPart.ARM, DrawnPart.SLEEVE),
    "upperBodyNoSleeve": (DrawnPart.ARM,),
    "lowerBodyShorts": _BARE_BELOW,
    "lowerBodyHotPants": _BARE_BELOW,
    "lowerBodyCapri": _BARE_BELOW,
    "lowerBodyShortSkirt": _BARE_BELOW,
    "footwearStocking": (DrawnPart.LEG,),
}

_PARTS_BY_BEGINNING: dict[str, tuple[DrawnPart, ...]] = {
    "upperBody": _UPPER,
    "lowerBody": (DrawnPart.LOWER,),
    "hair": (DrawnPart.HAIR,),
    "footwear": (DrawnPart.FOOTWEAR,),
}

_WHOLE_FIGURE = ("personal", "accessoryNothing", "carryingNothing")
"""Sex and age are drawn into figure, face and gait; that nothing is there has no place."""


def parts_of(attribute: str) -> tuple[DrawnPart, ...]:
    """Return the parts an attribute of vocabulary peta105 is drawn in; none for sex, age and "nothing".

    Garments are the whole garment: casual or formal, plaid or red, it is seen anywhere on it. Short and
    missing sleeves, shorts and short skirts are seen by the bare limb as well.

    >>> [part.name for part in parts_of("upperBodyShortSleeve")], parts_of("personalMale")
    (['ARM', 'SLEEVE'], ())
    """
    if attribute in _OWN_PARTS:
        return _OWN_PARTS[attribute]
    if attribute.startswith(_WHOLE_FIGURE):
        return ()
    return next(
        (parts for beginning, parts in _PARTS_BY_BEGINNING.items() if attribute.startswith(beginning)), ()
    )


IN_HAND_PARTS: Mapping[str, DrawnPart] = MappingProxyType(
    {
        "carryingPlasticBags": DrawnPart.PLASTIC_BAG,
        "carryingOther": DrawnPart.OTHER_BAG,
        "carryingSuitcase": DrawnPart.SUITCASE,
        "carryingLuggageCase": DrawnPart.LUGGAGE,
    }
)
"""Parts of what hangs from a hand."""
