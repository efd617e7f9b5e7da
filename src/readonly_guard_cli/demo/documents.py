"""Bodies for ce_blob: plain text and the smallest PDF that a reader opens. Pure functions of their arguments."""

from __future__ import annotations

__all__ = ["note", "pdf"]


def note(title: str, phrases: list[str]) -> bytes:
    """A note as UTF-8 text: the title, then the phrases."""
    return f"{title}\n\n{' '.join(phrases)}\n".encode()


def pdf(line: str) -> bytes:
    """A PDF 1.4 of one page with one line of text; what Windows' Latin encoding lacks becomes a question mark.

    The layout is that of the PDF reference: header, numbered objects, a table of their byte offsets, and a trailer that
    says where the table begins.
    """
    text = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    drawing = b"BT /F1 12 Tf 72 770 Td (" + text.encode("cp1252", "replace") + b") Tj ET"
    page = b"/Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page %s >>" % page,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    size = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
