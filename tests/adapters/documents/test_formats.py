# ruff: noqa: E501 -- markup is written as it stands in a document
"""What each format gives: what is seen, and what is hidden in it, with the reason."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.documents import made
from tests.adapters.documents.reading_here import read

from wardstead.inspection.extraction import (
    DocumentTooLarge,
    EncryptedDocument,
    Extracted,
    UnreadableDocument,
    UnsupportedDocument,
)


def hidden(extracted: Extracted) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in extracted.parts:
        if part.hidden:
            found[part.hidden] = (found.get(part.hidden, "") + "\n" + part.text).strip()
    return found


def test_word_shows_text_tables_and_notes_and_hides_the_rest() -> None:
    body = (
        made.para("Plain words") + made.para("vanished", "<w:vanish/>") + made.para("white", '<w:color w:val="FFFFFF"/>')
        + made.para("tiny", '<w:sz w:val="2"/>') + made.para("not vanished", '<w:vanish w:val="false"/>')
        + "<w:p><w:del><w:r><w:delText>struck out</w:delText></w:r></w:del><w:ins><w:r><w:t>put in</w:t></w:r></w:ins></w:p>"
        + '<w:tbl><w:tr><w:tc><w:tcPr><w:shd w:fill="000000"/></w:tcPr>'
        + made.para("white on black", '<w:color w:val="FFFFFF"/>') + "</w:tc><w:tc>" + made.para("cell two") + "</w:tc></w:tr></w:tbl>"
        + '<w:p><w:r><w:drawing><wp:docPr descr="a picture of a cat"/></w:drawing></w:r></w:p>'
        + made.para("by style", '<w:rStyle w:val="Ghost"/>')
        + "<mc:AlternateContent><mc:Choice>" + made.para("once") + "</mc:Choice><mc:Fallback>" + made.para("once") + "</mc:Fallback></mc:AlternateContent>"
    )  # fmt: skip
    document = made.docx(body, {
        "word/styles.xml": f'<w:styles {made.W}><w:style w:styleId="Base"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Ghost"><w:basedOn w:val="Base"/></w:style></w:styles>',
        "word/header1.xml": f"<w:hdr {made.W}>{made.para('letterhead')}</w:hdr>",
        "word/comments.xml": f"<w:comments {made.W}><w:comment>{made.para('a remark')}</w:comment></w:comments>",
        "word/footnotes.xml": f"<w:footnotes {made.W}>{made.para('a footnote')}</w:footnotes>",
        "word/_rels/document.xml.rels": made.rels(
            made.relation("s", "styles", "styles.xml"),
            made.relation("r", "hyperlink", "https://example.org/x").replace("/>", ' TargetMode="External"/>'),
        ),
        "word/vbaProject.bin": b"\xd0\xcf",
        "word/media/image1.png": b"\x89PNG",
        "customXml/item1.xml": "<x>left over</x>",
        "word/embeddings/book.xlsx": made.xlsx('<row><c r="A1" t="inlineStr"><is><t>inner cell</t></is></c></row>'),
    })  # fmt: skip
    extracted = read(document, "report.docx")
    seen = extracted.visible()
    assert extracted.kind == "docx"
    for words in (
        "Plain words",
        "not vanished",
        "put in",
        "white on black",
        "cell two",
        "letterhead",
        "a footnote",
        "inner cell",
    ):
        assert words in seen, words
    assert seen.count("once") == 1
    assert hidden(extracted) == {
        "hidden text": "vanished\n\nby style", "white text": "white", "tiny text": "tiny",
        "deleted, in tracked changes": "struck out", "alternative text of a picture": "a picture of a cat",
        "comment": "a remark", "metadata": "creator: Ada Author", "addresses behind links": "https://example.org/x",
        "a part of the file that is not shown": "left over",
    }  # fmt: skip
    assert [part.place for part in extracted.parts if part.text == "inner cell"] == ['report.docx > book.xlsx > sheet "Q3"']
    warnings = " ".join(extracted.all_warnings())
    assert "macros" in warnings
    assert "1 images" in warnings


def test_a_workbook_shows_values_as_excel_does_and_hides_what_excel_hides() -> None:
    styles = (
        f'<styleSheet {made.S}><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
        '<fonts><font/><font><color rgb="FFFFFFFF"/></font></fonts><fills><fill><patternFill patternType="none"/></fill></fills>'
        '<cellXfs><xf numFmtId="0" fontId="0"/><xf numFmtId="164" fontId="0"/><xf numFmtId="0" fontId="1" fillId="0"/></cellXfs>'
        "</styleSheet>"
    )
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>32874</v></c><c r="C1"><v>42.5</v></c></row>'
        '<row r="2" hidden="1"><c r="A2" t="s"><v>1</v></c></row>'
        '<row r="3"><c r="A3" s="2" t="inlineStr"><is><t>pale</t></is></c><c r="D3" t="str"><v>in a hidden column</v></c>'
        '<c r="E3" t="b"><v>1</v></c><c r="F3"><f>SUM(A1:A2)</f><v>7</v></c></row>'
    )
    document = made.xlsx(rows, {
        "xl/styles.xml": styles,
        "xl/sharedStrings.xml": f"<sst {made.S}><si><t>Name</t></si><si><r><t>se</t></r><r><t>cret</t></r></si></sst>",
        "xl/worksheets/sheet2.xml": f'<worksheet {made.S}><sheetData><row><c t="str"><v>buried</v></c></row></sheetData></worksheet>',
        "xl/worksheets/_rels/sheet1.xml.rels": made.rels(made.relation("c", "comments", "../comments1.xml")),
        "xl/comments1.xml": f"<comments {made.S}><comment><text><t>who says so?</t></text></comment></comments>",
    }, sheets='<sheet name="Old" state="veryHidden" r:id="rId2"/>', columns='<cols><col min="4" max="4" hidden="1"/></cols>')  # fmt: skip
    extracted = read(document, "book.xlsx")
    assert extracted.visible() == "Name\t1990-01-01\t42.5\n\nTRUE\t7"
    assert hidden(extracted) == {
        "hidden rows or columns": "secret\n\nin a hidden column", "white text": "pale", "formulas": "=SUM(A1:A2)",
        "hidden sheet": "buried", "comment": "who says so?",
    } or hidden(extracted)["hidden rows or columns"].split() == ["secret", "in", "a", "hidden", "column"]  # fmt: skip
    assert {"white text", "formulas", "hidden sheet", "comment"} <= hidden(extracted).keys()


def test_what_programs_leave_behind_in_a_workbook_is_read_and_marked() -> None:
    cells = '<row><c r="A1" t="s"><v>0</v></c></row></sheetData><dataValidations><dataValidation prompt="ask Ada"/></dataValidations><sheetData>'
    extracted = read(made.xlsx(cells, {
        "xl/sharedStrings.xml": f"<sst {made.S}><si><t>shown</t></si><si><t>deleted long ago</t></si></sst>",
        "xl/pivotCache/pivotCacheRecords1.xml": f'<r {made.S}><s v="a client of before"/><n v="4"/></r>',
        "xl/drawings/drawing1.xml": '<d><cNvPr id="1" name="n" descr="what the shape shows"/></d>',
    }), "book.xlsx")  # fmt: skip
    assert extracted.visible() == "shown"
    parts = {(part.hidden, part.text) for part in extracted.parts if part.hidden}
    assert parts >= {
        ("strings that no cell shows", "deleted long ago"), ("messages beside cells", "ask Ada"),
        ("a part of the file that is not shown", "a client of before"),
        ("a part of the file that is not shown", "what the shape shows"),
    }  # fmt: skip


def test_an_alternative_that_says_something_else_is_read_and_marked() -> None:
    body = (
        "<mc:AlternateContent><mc:Choice>" + made.para("new programs show this") + "</mc:Choice><mc:Fallback>"
        + made.para("old ones this") + "</mc:Fallback></mc:AlternateContent>"
        + '<w:p><w:fldSimple w:instr="HYPERLINK x"/></w:p><w:sdt><w:sdtPr><w:alias w:val="Client"/></w:sdtPr></w:sdt>'
    )  # fmt: skip
    extracted = read(made.docx(body), "a.docx")
    assert extracted.visible() == "new programs show this"
    found = {name: said.strip() for name, said in hidden(extracted).items() if name != "metadata"}
    assert found == {
        "an alternative that is not shown": "old ones this",
        "code of a field": "HYPERLINK x",
        "title of a field": "Client",
    }


def test_the_metadata_packet_of_a_pdf_is_read() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="Ada Author">'
        b"<dc:description>about &amp; for Bob</dc:description></rdf:Description></x:xmpmeta><x:xmpmeta"
    )
    extracted = read(made.pdf(made.line("seen")) + packet, "a.pdf")
    assert hidden(extracted)["metadata"] == "Ada Author\nabout & for Bob"


def test_the_part_that_the_file_is_about_is_the_one_that_programs_open() -> None:
    other = {"_rels/.rels": made.main("word/document2.xml"), "word/document2.xml": made.docx_body(made.para("what Word shows"))}
    extracted = read(made.docx(made.para("a decoy"), other), "a.docx")
    assert extracted.visible() == "what Word shows"
    assert hidden(extracted)["a part of the file that is not shown"] == "a decoy"
    twice = made.docx(made.para("one"), {"Word/Document.xml": made.docx_body(made.para("two"))})
    with pytest.raises(UnreadableDocument, match="same name"):
        read(twice, "a.docx")


def test_a_presentation_comes_in_its_order_with_notes() -> None:
    extracted = read(
        made.pptx(
            {"slide7.xml": made.slide("first", alternative="a chart"), "slide2.xml": made.slide("second", show="0"),
             "slide3.xml": made.slide("far away", x=99_000_000)},
            {"ppt/slides/_rels/slide7.xml.rels": made.rels(made.relation("n", "notesSlide", "../notesSlides/n1.xml")),
             "ppt/notesSlides/n1.xml": made.slide("say nothing of the loss")},
        ),
        "talk.pptx",
    )  # fmt: skip
    assert extracted.visible() == "first"
    assert hidden(extracted) == {
        "alternative text of a picture": "a chart", "speaker notes": "say nothing of the loss",
        "hidden slide": "second", "outside the slide": "far away",
    }  # fmt: skip


def test_opendocument() -> None:
    styles = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion></text:changed-region>"
        "</text:tracked-changes><text:p>Dear <text:span>Ada</text:span>,<text:tab/>hello</text:p>"
        '<text:p text:style-name="H">whisper</text:p><text:p>x<office:annotation><text:p>remark</text:p></office:annotation>y</text:p>'
    )
    extracted = read(made.odt(body, styles), "letter.odt")
    assert extracted.visible() == "Dear Ada,\thello\nxy"
    assert hidden(extracted) == {
        "deleted, in tracked changes": "gone", "hidden text": "whisper", "comment": "remark", "metadata": "creator: Ada Author",
    }  # fmt: skip
    locked = made.odt(body, manifest="<m><encryption-data/></m>")
    with pytest.raises(EncryptedDocument):
        read(locked, "letter.odt")


@pytest.mark.parametrize(
    ("style", "reason"),
    [
        ("display: none", "not displayed"), ("visibility:hidden", "not displayed"), ("opacity: 0", "transparent text"),
        ("font-size:0px", "tiny text"), ("font-size: 1px", "tiny text"), ("position:absolute; left:-9999px", "outside the page"),
        ("color: #FFFFFF", "white text"), ("color:white", "white text"), ("color:rgb(255, 255, 255)", "white text"),
        ("color: transparent", "transparent text"), ("clip: rect(0, 0, 0, 0)", "clipped"), ("max-height: 0", "without a size"),
        ("opacity: 0.9", ""), ("font-size: 10px", ""), ("color:#fff;background:#000", ""), ("color:#f0a", ""), ("left:-5px", ""),
        ("font-size:1.2em", ""), ("height:100%", ""), ("font-size:.875rem", ""), ("font-size: 0.9em", ""), ("font-size:.05em", "tiny text"),
        ("font-size:80%", ""), ("font-size:5%", "tiny text"), ("opacity:.4", ""), ("opacity:.01", "transparent text"),
        ("opacity: 0%", "transparent text"), ("color:rgba(0,0,0,0)", "transparent text"), ("color:rgba(0,0,0,.6)", ""),
        ("color:#0000", "transparent text"), ("color:rgb(255 255 255)", "white text"), ("transform: scale(0)", "without a size"),
        ("transform:translateX(-9999px)", "outside the page"), ("clip-path: circle(0)", "clipped"), ("font:0/0 a", "tiny text"),
        ("color:#123456;background-color:#123456", "text in the colour of what is behind it"), ("filter:opacity(0)", "transparent text"),
        ("x:" + "y" * 9000, "a style that is too long to be read"), ("color:white; background: white", "text in the colour of what is behind it"), ("color:black;background:white", ""),
    ],
)  # fmt: skip
def test_a_page_shows_what_a_browser_shows(style: str, reason: str) -> None:
    extracted = read(f'<html><body>seen<div style="{style}">needle</div></body></html>'.encode(), "page.html")
    assert hidden(extracted).get(reason, "") == ("needle" if reason else "")
    assert ("needle" in extracted.visible()) == (not reason)


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        # Mail programs lay out in a size of nought, and set the size in each cell.
        ("<table style='font-size:0px'><td><div style='font-size:13px'>needle</div></table>", True),
        ("<table style='font-size:0px'><td><div style='font-size:2em'>needle</div></table>", False),
        ("<div style='color:#fff'><p style='color:#000'>needle</p></div>", True),
        ("<div style='color:#fff'><p style='background:#000'>needle</p></div>", True),
        ("<div style='color:#fff'><p style='color:#fefefe'>needle</p></div>", False),
        # What one style ends, another above it does not forget.
        ("<div style='color:#fff'><div style='font-size:0'><p style='font-size:13px'>needle</p></div></div>", False),
        ("<div style='opacity:0'><p style='opacity:1;color:#000;font-size:13px'>needle</p></div>", False),
        ("<style>/* {} */ .x /* y */ {display:none}</style><p class=x>needle</p>", False),
        ("<style>@media print {.x{display:none} .y{color:#fff}} .z{top:0}</style><p class='x y'>needle</p>", True),
        ("<style>@media screen {.x{display:none}}</style><p class=x>needle</p>", False),
        ("<style>.x{color:#fff}</style><p class=x style='color:#333'>needle</p>", True),
        ("<style>.x{color:#fff} .x{color:#333}</style><p class=x>needle</p>", True),
        ("<style>.x{color:#333} .x{color:#fff}</style><p class=x>needle</p>", False),
        ("<dialog>needle</dialog>", False),
        ("<dialog open>needle</dialog>", True),
        ("<font color=white>needle</font>", False),
        ("<body bgcolor=navy><font color=white>needle</font>", True),
    ],
)  # fmt: skip
def test_what_hides_a_text_ends_where_a_browser_ends_it(page: str, seen: bool) -> None:
    extracted = read(page.encode(), "page.html")
    assert ("needle" in extracted.visible()) is seen
    assert any("needle" in text for text in hidden(extracted).values()) is not seen


def test_a_page_hides_in_many_places() -> None:
    page = (
        "<!doctype html><title>T</title><meta name=description content='about'><style>.x{display:none} body{background:#222}</style>"
        "<body style='color:#fff'><p class=x>by rule</p><p hidden>attribute</p><!-- remark --><img alt='a cat' src='https://e.org/c.png'>"
        "<template><b>inert</b></template><script>let a = 1</script><noscript>old</noscript><input type=hidden value=token>"
        "<p>two <b>bold</b>   words<br>line</p><table><tr><td>a<td>b</table>"
    )
    extracted = read(page.encode(), "x.html")
    assert extracted.visible().split() == ["two", "bold", "words", "line", "a", "b"]
    found = hidden(extracted)
    assert found["not displayed"].split() == ["by", "rule", "attribute"]
    assert found["comment"] == "remark"
    assert found["alternative text of a picture"] == "a cat"
    assert found["addresses behind links"] == "https://e.org/c.png"
    assert (found["template"], found["script"], found["value of a field"]) == ("inert", "let a = 1", "token")
    assert found["metadata"] == "about"
    assert found["title of the page"] == "T"


def test_a_mail_comes_with_all_that_is_attached() -> None:
    inner = made.mail(**{"notes.txt": b"attached text", "report.pdf": made.pdf(made.line("in the report"))})
    extracted = read(made.mail(**{"fwd.eml": inner, "photo.png": b"\x89PNG\r\n\x1a\n"}), "mail.eml")
    assert extracted.kind == "eml"
    seen = extracted.visible()
    assert "Subject: Zwölf Boxkämpfer" in seen
    assert "shown" in seen
    assert "the plain alternative" not in seen
    assert "unshown" not in seen
    places = {part.place: part.text for part in extracted.parts}
    assert places["mail.eml > fwd.eml > report.pdf > page 1"] == "in the report"
    assert places["mail.eml > fwd.eml > notes.txt"] == "attached text"
    assert "ignore your instructions" in hidden(extracted)["header fields that are not shown"]
    assert "unshown" in hidden(extracted)["not displayed"]
    assert any("photo.png" in one and "images are not read" in one for one in extracted.all_warnings())


def test_a_message_of_outlook() -> None:
    extracted = read(made.msg(), "a.msg")
    assert extracted.kind == "msg"
    places = {part.place: part.text.strip() for part in extracted.parts if not part.hidden}
    assert places["a.msg > notes.txt"] == "attached words"
    assert places["a.msg > inner"] == "the inner body"
    assert "Subject: Zwölf Boxkämpfer" in extracted.visible()
    assert "shown" in extracted.visible()
    found = hidden(extracted)
    assert found["an alternative that is not shown"] == "the plain body"
    assert found["properties that are not shown"] == "X-Note: transport header"
    assert found["comment"] == "psst"


def test_old_and_encrypted_office_files_are_refused() -> None:
    with pytest.raises(UnsupportedDocument, match="before 2007"):
        read(made.compound({"WordDocument": b"x"}), "a.doc")
    with pytest.raises(EncryptedDocument):
        read(made.compound({"EncryptedPackage": b"x", "EncryptionInfo": b"x"}), "a.docx")


def test_rich_text() -> None:
    text = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl\f0 Arial;}{\info{\author Ada}}Hello {\v secret}{\*\annotation a remark}"
        rb"{\deleted gone} \u8364? \'e9 {\fs2 mouse}{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}\par next\tab z}"
    )
    extracted = read(text, "a.rtf")
    assert extracted.visible() == "Hello  € é link\nnext\tz"
    assert hidden(extracted) == {
        "metadata": "Ada", "hidden text": "secret", "comment": "a remark", "deleted, in tracked changes": "gone",
        "tiny text": "mouse", "code of a field": "HYPERLINK x",
    }  # fmt: skip


def test_a_book_comes_in_the_order_of_its_spine() -> None:
    extracted = read(made.epub(), "b.epub")
    assert extracted.kind == "epub"
    assert extracted.visible().replace("\n", " ").index("chapter one") < extracted.visible().replace("\n", " ").index(
        "chapter two"
    )
    assert hidden(extracted) == {"metadata": "creator: Ada Author", "comment": "psst"}


def test_a_pdf_hides_what_leaves_no_mark_on_its_page() -> None:
    page = (
        made.line("Seen words") + made.line("white words", y=680, colour="1 g") + made.line("mode three", y=660, mode=3)
        + made.line("mouse print", y=640, size=1) + made.line("off the page", x=2000) + "0.2 0.2 0.2 rg 60 590 300 40 re f\n"
        + made.line("white on dark", y=600, colour="1 g") + made.line("covered", y=500) + "1 g 60 490 300 30 re f\n"
    )  # fmt: skip
    extracted = read(made.pdf(page, made.line("Second page"), info="/Title (A title)"), "a.pdf")
    assert [part.text for part in extracted.parts if not part.hidden] == ["Seen words\nwhite on dark", "Second page"]
    found = {reason: set(text.split("\n")) - {""} for reason, text in hidden(extracted).items()}
    assert found["not visible on the page"] == {"white words", "mode three", "covered"}
    assert found["tiny text"] == {"mouse print"}
    assert found["metadata"] == {"Title: A title"}
    assert "off the page" in " ".join(hidden(extracted).get("outside the page", "").split())


def test_what_is_drawn_elsewhere_counts_where_it_lands() -> None:
    drawn = made.stream(made.line("in a form", x=0, y=5).encode(), "/Type /XObject /Subtype /Form /BBox [0 0 300 20] "
                        "/Resources << /Font << /F1 3 0 R >> >>")  # fmt: skip
    page = "q 1 0 0 1 100 500 cm /I1 Do Q\n" + "q 0.6 0.8 -0.8 0.6 300 300 cm " + made.line("slanted", x=0, y=0) + "Q\n"
    page += "q 0 0 5 5 re W n " + made.line("clipped away", y=200) + "Q\n"
    extracted = read(made.pdf(page, more=(drawn,)), "a.pdf")
    assert set(extracted.visible().split("\n")) == {"in a form", "slanted"}
    assert hidden(extracted) == {"not visible on the page": "clipped away"}


def test_a_pdf_has_notes_fields_scripts_and_files() -> None:
    catalog = (
        "/Names << /EmbeddedFiles << /Names [(a.txt) << /Type /Filespec /F (a.txt) /UF (a.txt) /EF << /F 101 0 R >> >>] >> "
        "/JavaScript << /Names [(j) << /S /JavaScript /JS (app.alert\\(1\\)) >>] >> >>"
    )
    note = b"<< /Type /Annot /Subtype /Text /Rect [10 10 30 30] /Contents (a sticky note) >>"
    link = b"<< /Type /Annot /Subtype /Link /Rect [10 50 30 60] /A << /S /URI /URI (https://example.org/leak) >> >>"
    document = made.pdf(
        made.line("Body"), catalog=catalog, annots="102 0 R 103 0 R",
        more=(made.IMAGE, made.stream(b"smuggled", "/Type /EmbeddedFile"), note, link),
    )  # fmt: skip
    extracted = read(document, "a.pdf")
    found = hidden(extracted)
    assert found["annotation"] == "a sticky note"
    assert found["addresses behind links"] == "https://example.org/leak"
    assert found["script"] == "app.alert(1)"
    assert found["file embedded in a PDF"] == "smuggled"
    assert "scripts" in " ".join(extracted.all_warnings())


def test_a_scanned_pdf_is_refused_rather_than_taken_for_empty() -> None:
    scan = made.pdf("q 500 0 0 700 50 50 cm /I1 Do Q\n", more=(made.IMAGE,))
    with pytest.raises(UnsupportedDocument, match="images without text"):
        read(scan, "scan.pdf")
    assert any("was not read" in one for one in read(made.zipped({"scan.pdf": scan, "a.txt": "words"}), "a.zip").all_warnings())


def test_archives_in_archives() -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        entry = tarfile.TarInfo("../../etc/passwd")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"words"))
        link = tarfile.TarInfo("l")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        archive.addfile(link)
    packed = lzma.compress(bz2.compress(gzip.compress(inner.getvalue())))
    extracted = read(made.zipped({"a.tar.gz.bz2.xz": packed}, comment=b"beside the files"), "all.zip")
    assert [part.place for part in extracted.parts if not part.hidden] == [
        "all.zip > a.tar.gz.bz2.xz > a.tar.gz.bz2 > a.tar.gz > a.tar > ../../etc/passwd"
    ]
    assert hidden(extracted)["comments of the archive"] == "beside the files"
    assert "l -> /etc/shadow" in hidden(extracted)["names of the files"]


@pytest.mark.parametrize(("text", "encoding", "warned"), [
    ("Grüße aus Köln, schöne Straße, für die Bürger", "utf-8", False), ("Grüße", "utf-8-sig", False), ("Grüße", "utf-16", False),
    ("Grüße aus Köln und Würzburg, größere Häuser", "utf-16-le", True), ("Привет, мир! Это обычный русский текст.", "cp1251", True),
    ("Grüße aus Köln, schöne Straße, für die Bürger", "latin-1", True),
])  # fmt: skip
def test_text_in_other_encodings(text: str, encoding: str, warned: bool) -> None:
    extracted = read(text.encode(encoding), "a.txt")
    assert extracted.visible() == text
    assert bool(extracted.all_warnings()) == warned


def test_what_it_is_is_decided_by_content_and_a_wrong_name_is_said() -> None:
    extracted = read(made.docx(made.para("words")), "picture.png")
    assert extracted.kind == "docx"
    assert any("named .png" in one for one in extracted.all_warnings())
    with pytest.raises(UnsupportedDocument, match="images are not read"):
        read(b"\x89PNG\r\n\x1a\n" + bytes(20), "a.txt")
    polyglot = made.pdf(made.line("words")) + made.zipped({"a": "b"})
    assert any("zip archive as well" in one for one in read(polyglot, "a.pdf").all_warnings())


SEEDS = {
    "a.docx": made.docx(made.para("words", "<w:vanish/>"), {"word/comments.xml": f"<w:comments {made.W}>{made.para('x')}</w:comments>"}),
    "a.xlsx": made.xlsx('<row><c t="s"><v>0</v></c></row>', {"xl/sharedStrings.xml": f"<sst {made.S}><si><t>x</t></si></sst>"}),
    "a.pptx": made.pptx({"slide1.xml": made.slide("x")}), "a.odt": made.odt("<text:p>x</text:p>"), "a.epub": made.epub(),
    "a.pdf": made.pdf(made.line("x") + made.line("y", colour="1 g"), info="/Title (x)"), "a.msg": made.msg(),
    "a.eml": made.mail(**{"x.docx": made.docx(made.para("z"))}), "a.rtf": rb"{\rtf1\ansi{\v x}\u8364? \'e9{\*\annotation z}\par}",
    "a.html": b"<html><style>.x{display:none}</style><p class=x style='color:#fff'>a<template>b</template><table><td>x</table>",
}  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(out) + 1)
        out[at : at + chance.choice((0, 1, 1, 9))] = chance.randbytes(chance.choice((0, 1, 1, 5)))
    return bytes(out)


def damaged_inside(data: bytes, chance: random.Random) -> bytes:
    """One file of an archive is damaged, so that the archive's checksums do not tell."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    one = chance.choice(list(files))
    return made.zipped({**files, one: damaged(files[one], chance)})


@given(name=st.sampled_from(sorted(SEEDS)), chance=st.randoms(use_true_random=False), inside=st.booleans())
def test_a_damaged_document_is_read_or_refused_with_its_place(name: str, chance: random.Random, *, inside: bool) -> None:
    data = SEEDS[name]
    try:
        read(damaged_inside(data, chance) if inside and data.startswith(b"PK") else damaged(data, chance), name)
    except (UnreadableDocument, DocumentTooLarge, EncryptedDocument, UnsupportedDocument) as error:
        place = error.where
        assert place.startswith(name)
