"""Documents on paper: a page in any script that the fonts know, texts cut to the width there is."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple
from xml.sax.saxutils import escape

from flask import Response

if TYPE_CHECKING:
    from fpdf import FPDF

MIMETYPE = "application/pdf"
# The content of a file, as in the OpenAPI document.
BINARY = {"type": "string", "format": "binary"}
MARGIN = 20
GREY = (110, 110, 110)
_PRODUCER = "fpdf2"
_METADATA = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 pdfaid:part="3" pdfaid:conformance="B"/>
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title></rdf:Description>
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmp:CreateDate="{at}" pdf:Producer="{producer}"/>
{more}</rdf:RDF></x:xmpmeta>"""
_lock = Lock()
# Here the characters of Chinese, Japanese and Korean begin, which have a large font of their own.
_FIRST_CJK = "\u1100"
# Devanagari and Thai, with the joiners. Their syllables are put together by rules of their own, which the shaper keeps
# to only where a stretch of text in one font begins with them: beside Latin letters they need another font.
_APART = re.compile("[\u0900-\u097f\u0e00-\u0e7f\u1cd0-\u1cff\ua8e0-\ua8ff]")
_RANGE_APART = "U+0900-097F, U+0E00-0E7F, U+1CD0-1CFF, U+200C-200D, U+A8E0-A8FF"
_OTHER_RANGE = "U+0000-08FF, U+0980-0DFF, U+0E80-1CCF, U+1D00-200B, U+200E-A8DF, U+A900-FFFF"
# Besides the font of most texts.
_OTHER_FONTS = ("apart", "cjk")
# Longer texts are cut: each stays in its place.
_LONGEST = 160


class Attachment(NamedTuple):
    """A file inside a document that says the same for programs, and what the document's metadata say about it (XMP)."""

    name: str
    mimetype: str
    content: bytes
    description: str
    metadata: str


class _Library(NamedTuple):
    """What a process makes once: the class of documents, and a directory with the fonts as files."""

    make: "type[FPDF]"
    fonts: TemporaryDirectory[str]


def document(
    title: str,
    created_at: datetime,
    texts: Iterable[str],
    orientation: Literal["portrait", "landscape"] = "portrait",
    attached: Attachment | None = None,
) -> "FPDF":
    """An A4 document without pages, with the fonts that these texts need; the same bytes for the same content.

    With a file `attached` it is PDF/A-3, as programs that look for one expect.
    """
    pdf = _library().make(orientation, format="A4", enforce_compliance=attached and "PDF/A-3B")
    # Text is text: with an alias, "{nb}" would be the number of pages.
    pdf.alias_nb_pages(None)  # type: ignore[arg-type] # as its documentation says
    pdf.set_creation_date(created_at)
    pdf.set_title(title)
    if attached is not None:
        _attach(pdf, title, created_at, attached)
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(False)
    written = "".join(texts)
    _add_fonts(pdf, written)
    prepare_for(pdf, written)
    return pdf


def _attach(pdf: "FPDF", title: str, created_at: datetime, attached: Attachment) -> None:
    pdf.embed_file(
        bytes=attached.content,
        basename=attached.name,
        mime_type=attached.mimetype,
        desc=attached.description,
        creation_date=created_at,
        modification_date=created_at,
        associated_file_relationship="Alternative",
        compress=True,
    )
    pdf.set_producer(_PRODUCER)
    # The library would write the time of the call into its own.
    pdf.set_xmp_metadata(
        _METADATA.format(
            title=escape(title),
            producer=_PRODUCER,
            at=created_at.isoformat(timespec="seconds"),
            more=attached.metadata,
        )
    )


def prepare_for(pdf: "FPDF", text: str) -> None:
    """Turn on what `text` needs. ASCII needs neither shaping nor other fonts, which take most of the time."""
    plain = text.isascii()
    pdf.set_text_shaping(not plain)
    pdf.set_fallback_fonts([] if plain else [name for name in _OTHER_FONTS if name in pdf.fonts], exact_match=False)


def _cut(text: str, longest: int) -> str:
    """`text` on one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def fit(pdf: "FPDF", text: str, width: float) -> str:
    """`text` on one line, as much of it as a cell of this width holds in the present font."""
    longest = _LONGEST
    while pdf.get_string_width(_cut(text, longest)) > width - 2 * pdf.c_margin:
        longest -= 1
    return _cut(text, longest)


def _add_fonts(pdf: "FPDF", text: str) -> None:
    """Those that the text needs."""
    fonts = Path(_library().fonts.name)
    apart = _APART.search(text) is not None
    for style, name in (("", "regular"), ("B", "bold")):
        pdf.add_font("text", style, fonts / f"{name}.ttf", unicode_range=_OTHER_RANGE if apart else None)
        if apart:
            pdf.add_font("apart", style, fonts / f"{name}.ttf", unicode_range=_RANGE_APART)
    if any(character >= _FIRST_CJK for character in text):
        import noto_cjk_sans_jp_regular as cjk  # noqa: PLC0415

        pdf.add_font("cjk", "", Path(cjk.__file__).with_name("NotoSansCJKjp-Regular.otf"))


def _library() -> _Library:
    # The first PDFs may be asked for at once. It is made by one of them, and not again.
    with _lock:
        return _load()


@cache
def _load() -> _Library:
    # It takes most of a second to load, which only those pay who ask for a PDF.
    import pymupdf_fonts  # noqa: PLC0415
    from fpdf import FPDF  # noqa: PLC0415

    directory = TemporaryDirectory(prefix="billing-fonts-")
    for name, code in (("regular", "figo"), ("bold", "figbo")):
        Path(directory.name, f"{name}.ttf").write_bytes(pymupdf_fonts.myfont(code))
    return _Library(FPDF, directory)


def file_response(name: str, content: bytes) -> Response:
    """A document as a file of this name, which browsers show."""
    return Response(content, mimetype=MIMETYPE, headers={"Content-Disposition": f'inline; filename="{name}.pdf"'})
