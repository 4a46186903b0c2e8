"""A configuration folder as one value: read file by file, every problem noted, nothing resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import Field

from livinglab.config.catalogue import (
    IndicatorSpec,
    ModelSpec,
    QualityFile,
    QualitySpec,
    QuantitySpec,
)
from livinglab.config.csv_source import parse_csv
from livinglab.config.experiment_spec import EXPERIMENT_STAND_INS, ExperimentSpec
from livinglab.config.findings import FilePlace, Findings, Place, RowPlace, YamlPlace, nearest
from livinglab.config.labs import (
    LAB_STAND_INS,
    ROW_STAND_INS,
    CalibrationRow,
    DeviceRow,
    FlagRow,
    LabSpec,
    LabTree,
)
from livinglab.config.salvage import PartialPlace, parse_in_part
from livinglab.config.text_source import decode_text
from livinglab.config.thresholds import Reader
from livinglab.config.values import Spec, is_zone
from livinglab.config.yaml_source import parse_yaml

SpecT = TypeVar("SpecT", bound=Spec)
Where = tuple[str | int, ...]

MAX_LABS: Final = 4

_LAB_FILES: Final = ("lab.yaml", "devices.csv", "calibrations.csv", "flags.csv", "experiments")
_TOP_FILES: Final = ("livinglab.yaml", "quantities.yaml", "indicators.yaml")
_TOP_FOLDERS: Final = ("models", "quality", "labs", "mosquitto", "grafana")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


class Tree(Spec):
    """Everything configuration says, but for the settings of an installation."""

    quantities: dict[str, QuantitySpec] = Field(default_factory=dict)
    models: dict[str, ModelSpec] = Field(default_factory=dict)
    indicators: dict[str, IndicatorSpec] = Field(default_factory=dict)
    quality: dict[str, QualitySpec] = Field(default_factory=dict)
    labs: dict[str, LabTree] = Field(default_factory=dict)


@dataclass(slots=True)
class TreeReader:
    """Reads a configuration folder; `overlay` stands in for files that are not written yet.

    `places` remembers where each piece came from, for checks that look at several pieces.
    `broken` names pieces that exist but could not be read, so that nothing else complains of them.
    """

    root: Path
    findings: Findings
    timezone: str
    overlay: Mapping[Path, bytes] = field(default_factory=dict)
    places: dict[Where, Place] = field(default_factory=dict)
    broken: set[Where] = field(default_factory=set)

    def read(self) -> Tree:
        """The whole folder."""
        self._refuse_strays(self.root, _TOP_FILES, _TOP_FOLDERS)
        quantities = self._table("quantities", QuantitySpec)
        return Tree.model_construct(
            quantities=quantities,
            models=self._folder("models", ModelSpec),
            indicators=self._table("indicators", IndicatorSpec),
            quality=self._quality(quantities),
            labs=self._labs(),
        )

    def place(self, *where: str | int) -> Place:
        """Where a piece came from."""
        return self.places.get(where, FilePlace("/".join(map(str, where))))

    def _shown(self, path: Path) -> str:
        return f"{self.root.name}/{path.relative_to(self.root).as_posix()}"

    def _bytes(self, path: Path) -> bytes | None:
        if path in self.overlay:
            return self.overlay[path]
        try:
            return path.read_bytes()
        except OSError as error:
            told = "missing file" if isinstance(error, FileNotFoundError) else str(error.strerror)
            self.findings.add(FilePlace(self._shown(path)), (), told)
            return None

    def _yaml(self, path: Path) -> tuple[dict[str, Any] | None, YamlPlace]:
        raw = self._bytes(path)
        if raw is None:
            return None, YamlPlace(self._shown(path), {})
        text = decode_text(raw, self._shown(path), self.findings)
        if text is None:
            return None, YamlPlace(self._shown(path), {})
        return parse_yaml(text, self._shown(path), self.findings)

    def _table(self, name: str, spec: type[SpecT]) -> dict[str, SpecT]:
        content, place = self._yaml(self.root / f"{name}.yaml")
        entries = ((key, raw, place.below(key)) for key, raw in (content or {}).items())
        return self._entries(name, entries, spec, re.compile(r"[a-z][a-z0-9_]{0,62}"))

    def _folder(self, name: str, spec: type[SpecT]) -> dict[str, SpecT]:
        return self._entries(name, self._yaml_files(self.root / name), spec, _NAME)

    def _yaml_files(self, folder: Path) -> Iterator[tuple[str, Any, YamlPlace]]:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith((".", "~")) or path.name.endswith("~"):
                continue
            if path.suffix != ".yaml" or not path.is_file():
                self.findings.add(FilePlace(self._shown(path)), (), "expected a file NAME.yaml")
                continue
            yield path.stem, *self._yaml(path)

    def _entries(
        self,
        kind: str,
        entries: Iterator[tuple[str, Any, YamlPlace]],
        spec: type[SpecT],
        names: re.Pattern[str],
        stand_ins: Mapping[str, object] | None = None,
    ) -> dict[str, SpecT]:
        read: dict[str, SpecT] = {}
        for name, raw, place in entries:
            if not names.fullmatch(name):
                self.findings.add(place, (), f"expected a name in lower case, got {name!r}")
            piece, self.places[kind, name] = None, place
            if raw is not None:
                stood = parse_in_part(self.findings, spec, raw, place, stand_ins or {})
                piece, self.places[kind, name] = stood
            if piece is None:
                self.broken.add((kind, name))
            else:
                read[name] = piece
            if raw is None and place.prefix:
                self.findings.add(place, (), "expected a mapping of keys to values, got nothing")
        return read

    def _quality(self, quantities: Mapping[str, QuantitySpec]) -> dict[str, QualitySpec]:
        read: dict[str, QualitySpec] = {}
        for name, file in self._folder("quality", QualityFile).items():
            place = self.place("quality", name)
            if name != file.theme:
                self.findings.add(place, ("theme",), f"expected {name}, as the file is named")
            read[name] = self._quality_file(name, file, place, quantities)
        return read

    def _quality_file(
        self, name: str, file: QualityFile, place: Place, quantities: Mapping[str, QuantitySpec]
    ) -> QualitySpec:
        units = {key: spec.unit for key, spec in quantities.items()}

        def named(rows: Mapping[str, Mapping[str, Any]], loc: Where) -> dict[str, dict[str, Any]]:
            named_rows = {}
            for quantity, raw in rows.items():
                spec = quantities.get(quantity)
                if spec is None:
                    if ("quantities", quantity) not in self.broken:
                        told = f"unknown quantity{nearest(quantity, quantities)}"
                        self.findings.add(place, (*loc, quantity), told)
                elif spec.theme != name:
                    told = f"belongs into quality/{spec.theme}.yaml"
                    self.findings.add(place, (*loc, quantity), told)
                else:
                    here = (*loc, quantity)
                    reader = Reader(spec.unit, units, place, self.findings)
                    named_rows[quantity] = reader.read(raw, here)
            return named_rows

        return QualitySpec(
            window_h=file.window_h,
            max_gap_s=file.max_gap_s,
            quantities=named(file.quantities, ("quantities",)),
            models={key: named(rows, ("models", key)) for key, rows in file.models.items()},
            devices={key: named(rows, ("devices", key)) for key, rows in file.devices.items()},
        )

    def _labs(self) -> dict[str, LabTree]:
        folder = self.root / "labs"
        if not folder.is_dir():
            self.findings.add(FilePlace(f"{self.root.name}/labs"), (), "missing folder")
            return {}
        found = [
            path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] not in "._"
        ]
        if len(found) > MAX_LABS:
            names = ", ".join(path.name for path in found)
            told = (
                f"{len(found)} labs ({names}), at most {MAX_LABS} are allowed: the letter of 2015 "
                "that the living labs rest on speaks of up to four; topics, locks and pools are "
                "laid out for that"
            )
            self.findings.add(FilePlace(self._shown(folder)), (), told)
        if not found:
            self.findings.add(FilePlace(self._shown(folder)), (), "expected a folder per lab")
        read = {path.name: self._lab(path) for path in found}
        return {name: lab for name, lab in read.items() if lab is not None}

    def _lab(self, folder: Path) -> LabTree | None:
        lab = folder.name
        if not _NAME.fullmatch(lab):
            named = FilePlace(self._shown(folder))
            self.findings.add(named, (), "expected a folder name in lower case, like lombok")
        self._refuse_strays(folder, _LAB_FILES, ())
        spec, zone = self._lab_file(folder)
        context = {"zone": zone if isinstance(zone, str) and is_zone(zone) else self.timezone}
        devices = self._rows(folder, "devices", DeviceRow, context)
        calibrations = self._rows(folder, "calibrations", CalibrationRow, context)
        flags = self._rows(folder, "flags", FlagRow, context)
        experiments = self._experiments(folder)
        if spec is None:
            self.broken.add(("lab", lab))
            return None
        return LabTree(
            lab=spec,
            devices=tuple(devices),
            calibrations=tuple(calibrations),
            flags=tuple(flags),
            experiments=experiments,
        )

    def _lab_file(self, folder: Path) -> tuple[LabSpec | None, object]:
        """lab.yaml, and the zone that it names."""
        content, place = self._yaml(folder / "lab.yaml")
        full = {"timezone": self.timezone} | (content or {})
        spec: LabSpec | None = None
        known: Place = place
        if content is not None:
            stand_ins = {**LAB_STAND_INS, "timezone": self.timezone}
            spec, known = parse_in_part(self.findings, LabSpec, full, place, stand_ins)
        self.places["lab", folder.name] = known
        return spec, full["timezone"]

    def _rows(
        self, folder: Path, name: str, spec: type[SpecT], context: Mapping[str, str]
    ) -> list[SpecT]:
        path = folder / f"{name}.csv"
        if name != "devices" and path not in self.overlay and not path.exists():
            return []
        raw = self._bytes(path)
        text = None if raw is None else decode_text(raw, self._shown(path), self.findings)
        if text is None:
            return []
        required = [key for key, info in spec.model_fields.items() if info.is_required()]
        known = list(spec.model_fields)
        read: list[SpecT] = []
        for place, cells in parse_csv(text, self._shown(path), known, required, self.findings):
            stand_ins = ROW_STAND_INS
            row, known_place = parse_in_part(self.findings, spec, cells, place, stand_ins, context)
            if row is None:
                self._note_broken_row(name, cells)
                continue
            self.places[name, folder.name, len(read)] = known_place
            read.append(row)
        return read

    def _note_broken_row(self, name: str, cells: Mapping[str, str]) -> None:
        if name == "devices" and "id" in cells:
            self.broken.add(("device", cells["id"]))

    def _experiments(self, folder: Path) -> dict[str, ExperimentSpec]:
        files = self._yaml_files(folder / "experiments")
        kind = f"experiments/{folder.name}"
        return self._entries(kind, files, ExperimentSpec, _NAME, EXPERIMENT_STAND_INS)

    def _refuse_strays(self, folder: Path, files: Sequence[str], folders: Sequence[str]) -> None:
        known = (*files, *folders)
        for path in sorted(folder.iterdir()):
            is_config = path.is_dir() or path.suffix in {".yaml", ".yml", ".csv", ".xlsx", ".json"}
            if is_config and path.name not in known and path.name[0] not in "._~":
                place = FilePlace(self._shown(path))
                self.findings.add(
                    place, (), f"unknown name, would be ignored{nearest(path.name, known)}"
                )


def row_of(place: Place) -> int:
    """Row of a piece that came from a CSV file, else 0."""
    known = place.place if isinstance(place, PartialPlace) else place
    return known.row if isinstance(known, RowPlace) else 0
