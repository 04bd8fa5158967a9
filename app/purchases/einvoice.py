"""Invoices and credit notes as data: EN 16931 in the syntax of UN/CEFACT, which Factur-X and ZUGFeRD put into the PDF.

The standard wants to know the countries of both parties, and how the tax came about. A document has it all if the
seller has a VAT number of a member state of the EU and the country of the customer is known; others are not written.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from xml.etree import ElementTree as ET

from app.purchases import tax
from app.purchases.amounts import Line
from app.purchases.invoice_models import Series
from app.web.paper import Attachment

FILE_NAME = "factur-x.xml"
_ROOT = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_AGGREGATE = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_VALUE = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
_PROFILE = "urn:cen.eu:en16931:2017"
_TYPES = {Series.INVOICE: "380", Series.CREDIT_NOTE: "381"}
# What Factur-X adds to the metadata of the PDF, and, as PDF/A demands, a description of that.
_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentFileName": (FILE_NAME, "name of the embedded XML invoice file"),
    "DocumentType": ("INVOICE", "type of the document"),
    "Version": ("1.0", "version of the Factur-X data"),
    "ConformanceLevel": ("EN 16931", "conformance level of the Factur-X data"),
}
_VALUES = " ".join(f'fx:{name}="{value}"' for name, (value, _) in _PROPERTIES.items())
_DESCRIBED = "".join(
    f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
    "<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>"
    f"<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"
    for name, (_, description) in _PROPERTIES.items()
)
_METADATA = f"""<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}" {_VALUES}/>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq>{_DESCRIBED}</rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""
# A unit of what is sold.
_UNIT = "C62"
for _prefix, _namespace in (("rsm", _ROOT), ("ram", _AGGREGATE), ("udt", _VALUE)):
    ET.register_namespace(_prefix, _namespace)


class _Category(StrEnum):
    """How a sale is taxed."""

    STANDARD = "S"
    REVERSE_CHARGE = "AE"
    # No tax of the seller's: the customer is in a country without a rate.
    OUT_OF_SCOPE = "O"


_EXEMPTIONS = {_Category.REVERSE_CHARGE: tax.REVERSE_CHARGE, _Category.OUT_OF_SCOPE: "Not subject to VAT"}


def attachment(document: Mapping[str, Any], series: Series) -> Attachment | None:
    """The file that goes into the PDF of a document, if there is one."""
    content = of_document(document, series)
    if content is None:
        return None
    return Attachment(FILE_NAME, "text/xml", content, f"{_number(document, series)} as EN 16931 XML", _METADATA)


def of_document(document: Mapping[str, Any], series: Series) -> bytes | None:
    """An invoice or a credit note as XML, the same bytes for the same document; None if it lacks what is required."""
    country = tax.vat_state(document["seller_tax_id"])
    if not country or not document["billing_country_code"]:
        return None
    lines = [Line.of_json(line) for line in document["lines"]]
    category = _category(document, lines)
    root = ET.Element(f"{{{_ROOT}}}CrossIndustryInvoice")
    context = _add(root, "ExchangedDocumentContext", namespace=_ROOT)
    _add(context, "GuidelineSpecifiedDocumentContextParameter", ID=_PROFILE)
    head = _add(root, "ExchangedDocument", namespace=_ROOT)
    _add_all(head, ID=_number(document, series), TypeCode=_TYPES[series])
    _add_day(head, "IssueDateTime", document["created_at"])
    sale = _add(root, "SupplyChainTradeTransaction", namespace=_ROOT)
    for number, line in enumerate(lines, 1):
        _add_line(sale, number, line, category, series)
    agreement = _add(sale, "ApplicableHeaderTradeAgreement")
    _add_seller(agreement, document, country, category)
    _add_buyer(agreement, document, category)
    delivery = _add(sale, "ApplicableHeaderTradeDelivery")
    _add_day(_add(delivery, "ActualDeliverySupplyChainEvent"), "OccurrenceDateTime", document["created_at"])
    _add_settlement(sale, document, lines, category, series)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _number(document: Mapping[str, Any], series: Series) -> str:
    number: str = document["invoice_number" if series == Series.INVOICE else "credit_note_number"]
    return number


def _category(document: Mapping[str, Any], lines: Iterable[Line]) -> _Category:
    """All lines of a sale are taxed alike."""
    if any(line.tax_rate for line in lines):
        return _Category.STANDARD
    return _Category.REVERSE_CHARGE if tax.REVERSE_CHARGE in document["notes"] else _Category.OUT_OF_SCOPE


def _add_line(sale: ET.Element, number: int, line: Line, category: _Category, series: Series) -> None:
    # Of what is credited, the price is a part of what was invoiced.
    is_credited = series == Series.CREDIT_NOTE
    quantity, price = (1, line.net) if is_credited else (line.quantity, line.unit_price)
    item = _add(sale, "IncludedSupplyChainTradeLineItem")
    _add(item, "AssociatedDocumentLineDocument", LineID=number)
    _add(item, "SpecifiedTradeProduct", Name=line.description)
    _add(_add(item, "SpecifiedLineTradeAgreement"), "NetPriceProductTradePrice", ChargeAmount=price)
    _add_text(_add(item, "SpecifiedLineTradeDelivery"), "BilledQuantity", quantity, unitCode=_UNIT)
    settlement = _add(item, "SpecifiedLineTradeSettlement")
    _add(settlement, "ApplicableTradeTax", TypeCode="VAT", CategoryCode=category, **_rate(line.tax_rate, category))
    _add(settlement, "SpecifiedTradeSettlementLineMonetarySummation", LineTotalAmount=line.net)


def _add_seller(agreement: ET.Element, document: Mapping[str, Any], country: str, category: _Category) -> None:
    is_taxed = category != _Category.OUT_OF_SCOPE
    seller = _add(agreement, "SellerTradeParty")
    # Where no tax applies there must be no VAT number: what identifies the seller then is the same as a plain number.
    _add_all(seller, ID="" if is_taxed else document["seller_tax_id"], Name=document["seller_name"])
    address = [line for line in document["seller_address"].split("\n") if line]
    _add(seller, "PostalTradeAddress", LineOne=", ".join(address), CountryID=country)
    scheme = "VA" if is_taxed else "FC"
    _add_text(_add(seller, "SpecifiedTaxRegistration"), "ID", _compact(document["seller_tax_id"]), schemeID=scheme)


def _add_buyer(agreement: ET.Element, document: Mapping[str, Any], category: _Category) -> None:
    buyer = _add(agreement, "BuyerTradeParty", Name=document["account_name"])
    _add(
        buyer,
        "PostalTradeAddress",
        PostcodeCode=document["billing_postal_code"],
        LineOne=document["billing_address_line1"],
        LineTwo=document["billing_address_line2"],
        CityName=document["billing_city"],
        CountryID=document["billing_country_code"],
        CountrySubDivisionName=document["billing_state"],
    )
    if category != _Category.OUT_OF_SCOPE and tax.vat_state(document["tax_id"]):
        _add_text(_add(buyer, "SpecifiedTaxRegistration"), "ID", _compact(document["tax_id"]), schemeID="VA")


def _add_settlement(
    sale: ET.Element, document: Mapping[str, Any], lines: list[Line], category: _Category, series: Series
) -> None:
    settlement = _add(sale, "ApplicableHeaderTradeSettlement")
    is_invoice = series == Series.INVOICE
    if is_invoice:
        _add_all(settlement, PaymentReference=document["payment_reference"])
    _add_all(settlement, InvoiceCurrencyCode=document["currency"])
    for rate in sorted({line.tax_rate for line in lines}):
        taxed = [line for line in lines if line.tax_rate == rate]
        _add(
            settlement,
            "ApplicableTradeTax",
            CalculatedAmount=sum((line.tax for line in taxed), Decimal("0.00")),
            TypeCode="VAT",
            ExemptionReason=_EXEMPTIONS.get(category, ""),
            BasisAmount=sum((line.net for line in taxed), Decimal("0.00")),
            CategoryCode=category,
            **_rate(rate, category),
        )
    terms = _add(settlement, "SpecifiedTradePaymentTerms", Description="" if is_invoice else document["reason"])
    if is_invoice:
        _add_day(terms, "DueDateDateTime", document["due_date"])
    sums = _add(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    _add_all(sums, LineTotalAmount=document["net_amount"], TaxBasisTotalAmount=document["net_amount"])
    _add_text(sums, "TaxTotalAmount", document["tax_amount"], currencyID=document["currency"])
    total, is_paid = document["total_amount"], is_invoice and document["paid_at"] is not None
    paid = {"TotalPrepaidAmount": total} if is_paid else {}
    _add_all(sums, GrandTotalAmount=total, **paid, DuePayableAmount=Decimal("0.00") if is_paid else total)
    if not is_invoice:
        _add(settlement, "InvoiceReferencedDocument", IssuerAssignedID=document["invoice_number"])


def _rate(rate: Decimal, category: _Category) -> dict[str, str]:
    return {} if category == _Category.OUT_OF_SCOPE else {"RateApplicablePercent": f"{rate * 100:.4f}"}


def _compact(number: str) -> str:
    return "".join(number.split())


def _add(parent: ET.Element, name: str, *, namespace: str = _AGGREGATE, **children: object) -> ET.Element:
    """A new element with these children, but for those that are empty."""
    made = ET.SubElement(parent, f"{{{namespace}}}{name}")
    _add_all(made, **children)
    return made


def _add_all(parent: ET.Element, **children: object) -> None:
    for name, value in children.items():
        if value != "":
            _add_text(parent, name, value)


def _add_text(parent: ET.Element, name: str, value: object, **attributes: str) -> None:
    ET.SubElement(parent, f"{{{_AGGREGATE}}}{name}", attributes).text = _printable(str(value))


def _add_day(parent: ET.Element, name: str, day: datetime | date) -> None:
    day = day.astimezone(UTC) if isinstance(day, datetime) else day
    text = ET.SubElement(_add(parent, name), f"{{{_VALUE}}}DateTimeString", {"format": "102"})
    text.text = f"{day:%Y%m%d}"


def _printable(text: str) -> str:
    """A text without the characters that XML cannot have."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)
