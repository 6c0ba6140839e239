"""Unmodified clients read a node that is served for real: pysdmx and sdmx1."""

import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sdmx
import sdmx.reader.xml.v21
import uvicorn
from pysdmx.api.dc.pd import PandasConnector
from pysdmx.api.dc.rest import SdmxConnector
from pysdmx.api.fmr import RegistryClient
from pysdmx.errors import Invalid, NotFound
from pysdmx.model import Hierarchy

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.aggregates import service as aggregates
from interurban_node.core.clock import system_clock
from interurban_node.core.context import Node, open_node
from interurban_node.operation import service as operation
from interurban_protocol.releases import ReleasedTable, parse_data
from interurban_protocol.structures import Structure
from tests.federation.test_real_sockets import free_port, wait_for
from tests.support.counting import PERIOD, a_small_structure
from tests.support.nodes import make_schema
from tests.support.sdmx import (
    DEFAULT,
    a_cohort_structure,
    application,
    data_of,
    issue,
    with_token_table,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # what the clients warn of is theirs
AGENCY = "INTERURBAN"


@dataclass(frozen=True)
class Served:
    """A node that listens, with one public and one private release."""

    node: Node
    token: str
    tables: dict[str, ReleasedTable]

    @property
    def public(self) -> str:
        return f"{self.node.origin}/public/sdmx"

    @property
    def private(self) -> str:
        """With the token as the password: these clients know no other way."""
        host = self.node.origin.removeprefix("http://")
        return f"http://token:{self.token}@{host}/sdmx"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    node = a_node(tmp_path_factory.mktemp("sdmx") / "lakeside")
    small, cohort = a_small_structure(), a_cohort_structure()
    ids = {
        "COMPLETION": issue(node, structure=small, is_public=True),
        "JOBS": issue(node, structure=cohort, seed=2),
    }
    tables = {
        "COMPLETION": table_of(node, ids["COMPLETION"], small),
        "JOBS": table_of(node, ids["JOBS"], cohort),
    }
    with node.database.transaction() as session:
        token = accounts.mint_token(
            session,
            node,
            Role.COMMITTEE_MEMBER,
            "a statistician",
            node.clock(),
            timedelta(days=1),
        )
    with listening(node):
        yield Served(node, token, tables)
    node.close()


def table_of(node: Node, release_id: str, structure: Structure) -> ReleasedTable:
    return parse_data(data_of(node, release_id), structure, DEFAULT)


def a_node(path: Path) -> Node:
    port = free_port()
    settings = operation.first_settings(
        origin=f"http://127.0.0.1:{port}",
        names=["en=Lakeside"],
        port=port,
        database_url="",
        demo=True,
    )
    operation.make_home(path, settings, system_clock(), upgrade=make_schema)
    node = open_node(path)
    with_token_table(node)
    return node


@contextmanager
def listening(node: Node) -> Iterator[None]:
    config = uvicorn.Config(
        application(node),
        host=node.settings.bind_host,
        port=node.settings.bind_port,
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(node)
        yield
    finally:
        server.should_exit = True
        thread.join(30)


def sdmx1(served: Served, *, is_public: bool = True) -> sdmx.Client:
    base = served.public if is_public else served.private
    source = {"id": AGENCY, "name": "Interurban", "url": f"{base}/1"}
    sdmx.add_source(source, override=True)
    return sdmx.Client(AGENCY)


def codes_of(row: dict[str, Any], structure: Structure) -> dict[str, str]:
    return {split.id: row[split.id] for split in structure.split_dimensions}


# --- pysdmx: the registry


def test_pysdmx_lists_the_agencies(served: Served):
    found = RegistryClient(f"{served.public}/2").get_agencies("SDMX")
    assert [each.id for each in found] == [AGENCY]


@pytest.mark.parametrize("query", [{}, {"agency": AGENCY}])
def test_pysdmx_lists_the_dataflows(served: Served, query):
    found = RegistryClient(f"{served.public}/2").get_dataflows(**query)
    assert [(each.agency, each.id, each.version) for each in found] == [
        (AGENCY, "COMPLETION", "1.0.0")
    ]
    private = RegistryClient(f"{served.private}/2").get_dataflows(**query)
    assert {each.id for each in private} == {"COMPLETION", "JOBS"}


def test_pysdmx_reads_a_schema_with_its_codelists(served: Served):
    client = RegistryClient(f"{served.public}/2")
    found = client.get_schema("dataflow", AGENCY, "COMPLETION", "1.0.0")
    structure = a_small_structure()
    dimensions = [each.id for each in found.components.dimensions]
    assert dimensions == [each.id for each in structure.dimensions]
    assert [each.id for each in found.components["SEX"].enumeration] == [
        code.id for code in structure.codes("SEX")
    ]
    assert f"urn:sdmx:org.sdmx.infomodel.codelist.Codelist={AGENCY}:CL_SEX(1.0.0)" in (
        found.artefacts
    )
    assert {each.id for each in found.components.attributes} >= {
        "OBS_STATUS",
        "CONF_STATUS",
        "RELEASE_ID",
        "PROTECTION",
    }


def test_pysdmx_reads_a_schema_with_a_hierarchy(served: Served):
    client = RegistryClient(f"{served.private}/2")
    found = client.get_schema("dataflow", AGENCY, "JOBS", "1.0.0")
    programmes = found.components["PROGRAMME"].enumeration
    assert isinstance(programmes, Hierarchy)
    (total,) = programmes.codes
    assert total.id == "_T"
    tree = {each.id: [below.id for below in each.codes] for each in total.codes}
    assert tree == {"F1": ["P1", "P2"], "F2": ["P3"]}
    assert not isinstance(found.components["AGE"].enumeration, Hierarchy)
    hierarchy = client.get_hierarchy(AGENCY, "H_PROGRAMME", "1.0.0")
    assert [each.id for each in hierarchy.codes] == ["_T"]


def test_pysdmx_reads_codes_concepts_and_structures(served: Served):
    client = RegistryClient(f"{served.public}/2")
    codes = client.get_codes(AGENCY, "CL_OUTCOME")
    assert [code.id for code in codes] == ["_T", "COM", "NCM", "ONG"]
    concepts = client.get_concepts(AGENCY, "CS_COMPLETION")
    assert {each.id for each in concepts} >= {"REF_AREA", "OBS_VALUE", "COVERAGE"}
    (found,) = client.get_data_structures(AGENCY, "COMPLETION")
    assert found.components["SEX"].enumeration["F"].name == "Female"
    (listed,) = client.get_data_structures(AGENCY)
    assert listed.id == "COMPLETION"
    constraint = client.get_data_constraint(AGENCY, "CR_COMPLETION")
    assert constraint.id == "CR_COMPLETION"


def test_pysdmx_reads_the_details_of_a_dataflow(served: Served):
    client = RegistryClient(f"{served.private}/2")
    found = client.get_dataflow_details(AGENCY, "COMPLETION", "1.0.0")
    assert found.name == a_small_structure().names["en"]


def test_pysdmx_is_told_that_a_private_dataflow_is_not_there(served: Served):
    client = RegistryClient(f"{served.public}/2")
    for name in ("JOBS", "NOTHING"):
        with pytest.raises(NotFound):
            client.get_schema("dataflow", AGENCY, name, "1.0.0")
    with pytest.raises(NotFound):
        client.get_codes(AGENCY, "CL_NOTHING")


# --- pysdmx: the connectors


def test_the_connector_lists_and_describes_dataflows(served: Served):
    connector = SdmxConnector(f"{served.private}/2")
    found = connector.dataflows()
    assert [each.id for each in found] == ["COMPLETION", "JOBS"]
    flow = connector.dataflow(f"{AGENCY}:COMPLETION(1.0.0)")
    table = served.tables["COMPLETION"]
    assert (flow.obs_count, flow.series_count) == (len(table.values),) * 2
    narrow = connector.dataflow(f"{AGENCY}:COMPLETION(1.0.0)", "SEX = 'F'")
    splits = [split.id for split in table.structure.split_dimensions]
    women = [codes for codes in table.values if codes[splits.index("SEX")] == "F"]
    assert narrow.obs_count == len(women)


def test_the_connector_reads_every_cell(served: Served):
    rows = SdmxConnector(f"{served.public}/2").data(f"{AGENCY}:COMPLETION(1.0.0)")
    table = served.tables["COMPLETION"]
    found = {
        tuple(row[split.id] for split in table.structure.split_dimensions): (
            row["OBS_VALUE"],
            row["OBS_STATUS"],
            row["CONF_STATUS"],
        )
        for row in rows
    }
    assert found == {
        codes: ("", "Q", "A") if value is None else (str(value), "A", "F")
        for codes, value in table.values.items()
    }


def test_the_connector_filters(served: Served):
    connector = SdmxConnector(f"{served.public}/2")
    rows = [
        *connector.data(
            f"{AGENCY}:COMPLETION(1.0.0)",
            "SEX = 'F' AND AGE IN ('A1', '_T') AND OUTCOME <> '_T' "
            f"AND TIME_PERIOD >= '{PERIOD}'",
        )
    ]
    assert {row["SEX"] for row in rows} == {"F"}
    assert {row["AGE"] for row in rows} == {"A1", "_T"}
    assert {row["OUTCOME"] for row in rows} == {"COM", "NCM", "ONG"}
    table = served.tables["COMPLETION"]
    for row in rows:
        value = table.value(**codes_of(row, table.structure))
        assert row["OBS_VALUE"] == ("" if value is None else str(value))


def test_the_connector_says_what_is_wrong(served: Served):
    connector = SdmxConnector(f"{served.public}/2")
    flow = f"{AGENCY}:COMPLETION(1.0.0)"
    with pytest.raises(NotFound):
        next(connector.data(flow, "SEX = 'NOBODY'"))
    with pytest.raises(Invalid, match="no component"):
        next(connector.data(flow, "COLOUR = 'RED'"))


def test_the_pandas_connector_gives_a_frame(served: Served):
    connector = PandasConnector(f"{served.public}/2")
    frame = connector.data(f"{AGENCY}:COMPLETION(1.0.0)", "SEX = '_T' AND AGE = '_T'")
    table = served.tables["COMPLETION"]
    assert len(frame) > 0
    for row in frame.to_dict("records"):
        value = table.value(**codes_of(row, table.structure))
        shown = row["OBS_VALUE"]
        assert (value is None) == (shown is None or math.isnan(float(shown)))
        assert value is None or int(shown) == value
    assert set(frame["RELEASE_ID"]) == {data_release(served)}


def data_release(served: Served) -> str:
    with served.node.database.transaction() as session:
        return next(
            facts.release_id
            for facts in aggregates.own_releases(session)
            if "COMPLETION" in facts.dataflow
        )


# --- sdmx1


def test_sdmx1_lists_the_dataflows(served: Served):
    assert [*sdmx1(served).dataflow().dataflow] == ["COMPLETION"]
    found = sdmx1(served, is_public=False).dataflow().dataflow
    assert {*found} == {"COMPLETION", "JOBS"}


def test_sdmx1_reads_the_whole_structure_in_one_message(served: Served):
    message = sdmx1(served).dataflow("COMPLETION")
    structure = message.structure["COMPLETION"]
    assert [each.id for each in structure.dimensions] == [
        each.id for each in a_small_structure().dimensions
    ]
    assert [*message.codelist["CL_SEX"].items] == ["_T", "F", "M", "_U"]
    assert message.codelist["CL_SEX"]["F"].name.localizations["de"] == "Weiblich"
    assert "CS_COMPLETION" in message.concept_scheme


def test_sdmx1_reads_parents_of_codes(served: Served):
    message = sdmx1(served, is_public=False).dataflow("JOBS")
    programmes = message.codelist["CL_PROGRAMME"]
    assert programmes["P1"].parent.id == "F1"


def test_sdmx1_reads_data_by_key(served: Served):
    client = sdmx1(served)
    key = {"SEX": "F+M", "AGE": ["_T"]}
    message = client.data("COMPLETION", key=key)
    found = sdmx.to_pandas(message).reset_index()
    table = served.tables["COMPLETION"]
    assert {*found["SEX"]} == {"F", "M"}
    for row in found.to_dict("records"):
        value = table.value(**codes_of(row, table.structure))
        assert (value is None) == math.isnan(row["value"])
        assert value is None or row["value"] == value


def test_sdmx1_reads_structure_specific_data(served: Served):
    client = sdmx1(served)
    structure = client.dataflow("COMPLETION").structure["COMPLETION"]
    accept = "application/vnd.sdmx.structurespecificdata+xml;version=2.1"
    message = client.get(
        "data",
        "COMPLETION",
        headers={"Accept": accept},
        dsd=structure,
        key={"SEX": "F"},
    )
    (found,) = message.data
    assert {each.key.values["SEX"].value for each in found.obs} == {"F"}
    assert found.attrib["RELEASE_ID"].value.startswith("sha256:")
    statuses = {str(each.attrib["OBS_STATUS"].value) for each in found.obs}
    assert statuses == {"A", "Q"}


def test_sdmx1_is_told_what_is_not_offered(served: Served):
    with pytest.raises(NotImplementedError):
        sdmx1(served).data("COMPLETION", params={"detail": "serieskeysonly"})


def test_sdmx1_chooses_periods(served: Served):
    client = sdmx1(served)
    params = {"startPeriod": "2025", "endPeriod": "2025"}
    assert len(client.data("COMPLETION", params=params).data) == 1
    with pytest.raises(Exception, match="404"):
        client.data("COMPLETION", params={"startPeriod": "2026-Q1"})


# --- the page


def test_the_examples_on_the_page_work(served: Served):
    page = Path(__file__).parents[3] / "docs" / "sdmx.md"
    blocks = re.findall(
        r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE
    )
    host = served.node.origin.removeprefix("http://")
    for block in blocks:
        block = block.replace("https://", "http://").replace("lakeside.example", host)
        names: dict[str, Any] = {}
        exec(block.replace("TOKEN", served.token), names)
        if "frame" in names:
            assert {*names["frame"]["SEX"]} == {"F"}
            assert names["schema"].id == "COMPLETION"
        else:
            (series,) = names["series"]
            assert {*series.reset_index()["SEX"]} == {"F", "M"}
    assert len(blocks) == 2
