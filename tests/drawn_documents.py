"""PDFs and TIFFs as people send them, drawn by reportlab and Pillow; and the processes that draw their pages."""

import io

import pikepdf
import psutil
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

A4 = 595.0, 842.0
LINES = [f"{number} quick brown foxes jump over the lazy dog" for number in range(3, 15)]


def pdf(*draw, size=A4, **page_keys):
    """A PDF, each of whose pages a function draws on a canvas; the keys are set in each page's dictionary."""
    buffer = io.BytesIO()
    paper = canvas.Canvas(buffer, pagesize=size, invariant=True)
    for each in draw:
        each(paper)
        paper.showPage()
    paper.save()
    if not page_keys:
        return buffer.getvalue()
    with pikepdf.open(io.BytesIO(buffer.getvalue())) as opened:
        for page in opened.pages:
            for key, value in page_keys.items():
                page.obj["/" + key] = value
        kept = io.BytesIO()
        opened.save(kept)
    return kept.getvalue()


def letter(paper, lines=LINES, size=12, left=72, top=760):
    """Lines of text from the top of the page."""
    paper.setFont("Helvetica", size)
    for number, line in enumerate(lines):
        paper.drawString(left, top - number * size * 1.5, line)


def hidden_letter(paper, lines=LINES, size=12, left=72, top=760):
    """Lines as a former OCR lays them over a scan."""
    text = paper.beginText(left, top)
    text.setFont("Helvetica", size, size * 1.5)
    text.setTextRenderMode(3)
    for line in lines:
        text.textLine(line)
    paper.drawText(text)


def scanned(lines=LINES, size=(1240, 1754), mode="L", left=150, top=150, points=25):
    """A page as a scanner hands it over."""
    image = Image.new(mode, size, 255 if mode == "L" else 1 if mode == "1" else "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(points)
    for number, line in enumerate(lines):
        draw.text((left, top + number * points * 1.5), line, 0 if mode in ("1", "L") else "black", font)
    return image


def scan(paper, image=None):
    """A page that is an image."""
    paper.drawImage(ImageReader(image or scanned()), 0, 0, *A4)


def tiff(*images, **options):
    """A TIFF of several pages."""
    buffer = io.BytesIO()
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:], **options)
    return buffer.getvalue()


def page_workers():
    """The processes of this one that draw pages; one that has ended and waits to be noticed is none."""
    found = []
    for child in psutil.Process().children():
        try:
            if "page_worker" in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:  # a zombie, too
            continue
    return found
