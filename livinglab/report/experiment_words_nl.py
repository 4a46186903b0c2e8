"""An experiment's result in plain Dutch: councils of Dutch municipalities decide in Dutch.

Texts of the design stand as their authors wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from livinglab.report.experiment_words import Words, sentence

#: Name of a check -> what is wrong where it failed.
FAILED: Final[Mapping[str, str]] = {
    "coverage": "te weinig dagen met gegevens",
    "length": "te korte perioden",
    "spread": "metingen zonder variatie",
    "instruments": "andere sensoren of kalibraties na de verandering dan ervoor",
    "stuck": "een kant met steeds dezelfde waarde",
    "gaps": "veel ontbrekende dagen",
    "four weeks": "een periode van minder dan vier weken",
    "control area": "geen werkend controlegebied",
    "season": "perioden in verschillende seizoenen",
    "precision": "grilliger dagen dan voorzien",
    "weekdays": "weekdagen ongelijk verdeeld",
    "pre-trend": "een verloop dat al vóór de verandering begon",
    "event study": "weken vooraf die evenveel afwijken",
    "odd days": "enkele sterk afwijkende dagen",
    "second opinions": "andere berekeningen die elders uitkomen",
    "direction": "een andere richting dan verwacht",
}
VERDICTS: Final[Mapping[str, str]] = {
    "effect shown": "effect aangetoond",
    "no effect shown": "geen effect aangetoond",
    "inconclusive": "geen uitsluitsel",
    "invalid": "ongeldig",
    "interim": "tussenstand, nog geen oordeel",
}
#: What an interval says of the smallest effect that would matter.
DUTCH_EXCLUDES: Final[Mapping[str, str]] = {
    "excluded": "sluit een verandering van die omvang uit",
    "possible": "sluit een verandering van die omvang niet uit",
    "beyond": "bevat geen kleinere verandering",
}


class DutchWords(Words):
    """The four answers of `Words`, in Dutch."""

    def verdict(self) -> str:
        """What may be claimed, in a few words."""
        text = VERDICTS[str(self.record["verdict"])]
        return f"placebo: {text}" if self.design.placebo else text

    def tried(self) -> str:
        """What was tried, where and when."""
        design = self.design
        first, last = self._moments()
        when = first if first == last else f"{first} tot {last} (de dagen ertussen tellen niet mee)"
        where = design.where or self.treated
        text = f"{sentence(design.what or design.label)} Waar: {where}. Wanneer: {when}."
        if design.control:
            why = f" {sentence(design.comparable)}" if design.comparable else ""
            text += f" Ter vergelijking: {self.control}, waar niets is veranderd.{why}"
        return f"{text} Hypothese: {design.hypothesis}"

    def seen(self) -> str:
        """What was measured."""
        mean, effect = self.record["mean"], self.record["estimate"]["effect"]
        label = self.indicator.label_nl
        if effect is None or mean["treated_before"] is None:
            return f"{label}: er zijn te weinig waarden om iets te zeggen."
        values = {name: _comma(self.mean(name)) for name in mean}
        text = (
            f"{label}: {values['treated_before']} ervoor en {values['treated_after']} erna in het"
            " gebied van de verandering"
        )
        if mean["control_before"] is not None:
            control = f"{values['control_before']} en {values['control_after']}"
            text += f", {control} in het controlegebied"
        way = "meer" if effect > 0 else "minder"
        than = "dan het controlegebied verklaart" if self.design.control else "dan ervoor"
        if self.record["method"] in ("its", "cits"):
            than = "dan bij het verloop van daarvoor te verwachten was"
        text += f". Dat is {_comma(self.effect()).lstrip('-')} {way} {than}"
        percent = self.record["percent"]["effect"]
        if percent is not None and self.record["scale"] == "unit":
            text += f" ({_comma(f'{percent:+.1f}')} % van het niveau ervoor)"
        return f"{text}."

    def sure(self) -> str:
        """How sure that is."""
        estimate = self.record["estimate"]
        if estimate["low"] is None:
            return f"Helemaal niet: {self._wrong()}."
        span = f"tussen {_comma(self.effect('low'))} en {_comma(self.effect('high'))}"
        if self.is_interim:
            return f"Dat is nog niet te zeggen. Met wat er nu is ligt de verandering {span}."
        zero = estimate["low"] <= 0 <= estimate["high"]
        text = (
            f"De werkelijke verandering kan alles {span} zijn, ook geen."
            if zero
            else f"De werkelijke verandering ligt waarschijnlijk {span}."
        )
        text += f" Zulke intervallen bevatten de waarheid in {self.level} van de 100 experimenten."
        if self.record["mde"] is not None:
            text += (
                f" Een verandering van {_comma(self.visible())} of meer zou in vier van de vijf"
                " zulke experimenten zijn gezien; een kleinere meestal niet."
            )
        text += self.matters() + self.drift()
        return f"{text} Niet alles is in orde: {self._wrong()}." if self.failed() else text

    def matters(self) -> str:
        """Whether the experiment can tell anything about an effect that matters; "" if unasked."""
        if self.relevance is None:
            return ""
        visible, interval = self.relevance
        could = (
            "Dit experiment had die in vier van de vijf gevallen of meer kunnen zien"
            if visible
            else "Dit experiment was te klein om die in vier van de vijf gevallen te zien"
        )
        return (
            " Volgens het ontwerp is de kleinste verandering die ertoe doet"
            f" {_comma(self.relevant())}. {could}. Het interval {DUTCH_EXCLUDES[interval]}."
        )

    def drift(self) -> str:
        """How much of a shown effect a slow drift may make; "" where that is half or less."""
        size = self.possible_drift()
        if not size:
            return ""
        return (
            " De weken ervoor sluiten een langzaam verloop niet uit dat tussen de middens van de"
            f" twee perioden tot {_comma(size)} kan uitmaken, meer dan de helft van het effect: het"
            " kan dit verklaren."
        )

    def means(self) -> str:
        """What follows for a decision."""
        verdict = str(self.record["verdict"])
        if self.is_interim:
            return "Nog niets: de dag van het resultaat die in het ontwerp staat is nog niet daar."
        if self.design.placebo:
            return self._dutch_placebo(verdict)
        if verdict == "invalid":
            return f"Deze cijfers mogen niet voor een besluit worden gebruikt: {self._wrong()}."
        if verdict == "inconclusive":
            why = f" ({self._wrong()})" if self.failed() else ""
            return (
                f"Besluit niet op grond van deze cijfers{why}. Meer dagen, een beter vergelijkbaar"
                " gebied of een langere periode vooraf zou helpen."
            )
        is_none = verdict == "no effect shown"
        return self._dutch_no_effect() if is_none else self._dutch_effect()

    def _dutch_no_effect(self) -> str:
        text = "Er is geen verandering aangetoond. Dat bewijst niet dat er geen is"
        if self.relevance is None:
            return (
                f"{text}: als ook minder dan {_comma(self.visible())} ertoe doet, was dit"
                " experiment te klein."
            )
        is_out = self.is_too_small
        told = "maar het interval sluit" if is_out else "en het interval sluit"
        told = f"{told} een verandering van {_comma(self.relevant())}, de kleinste die ertoe doet,"
        return f"{text}, {told} {'uit' if is_out else 'niet uit'}."

    def _dutch_effect(self) -> str:
        text = "Er is een verandering aangetoond die toeval alleen nauwelijks maakt."
        if self.is_too_small:
            least = _comma(self.relevant())
            text += f" Ze is kleiner dan wat er volgens het ontwerp toe doet ({least})."
        if "control area" in self.failed() or not self.design.control:
            text += (
                " Maar er was geen werkend controlegebied: de cijfers onderscheiden de maatregel"
                " niet van wat er verder veranderde (seizoen, weer, evenementen, werkzaamheden)."
            )
        if "direction" in self.failed():
            text += " Ze gaat de ANDERE kant op dan verwacht: zoek eerst uit waarom."
        span = f"{_comma(self.effect('low'))} tot {_comma(self.effect('high'))}"
        return (
            f"{text} Of {span} de maatregel waard is, is aan mensen; over kosten of andere plaatsen"
            " zeggen de cijfers niets."
        )

    def _dutch_placebo(self, verdict: str) -> str:
        found = {
            "effect shown": "Er is er toch een gevonden: vals alarm, wat soms voorkomt.",
            "no effect shown": "Er is er geen gevonden, zoals het hoort.",
        }.get(verdict, "Een antwoord kwam er niet uit.")
        return (
            "Niets. Niemand heeft hier iets veranderd; de methode is gebruikt om te zien of ze een"
            f" effect vindt waar er geen is. {found}"
        )

    def _wrong(self) -> str:
        return ", ".join(FAILED[name] for name in self.failed())


def _comma(text: str) -> str:
    """Numbers with a decimal comma."""
    return text.replace(".", ",")
