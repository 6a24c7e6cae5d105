"""Files as cameras, editors and strangers make them, small and drawn."""

import io

import numpy as np
from PIL import Image, ImageFilter

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Editor 3"'
    b' xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
    b' xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
    b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><Iptc4xmpExt:DigitalSourceType>'
    b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"
    b"<xmpMM:History><rdf:Seq>"
    b'<rdf:li stEvt:action="created" stEvt:when="2024-01-02T03:04:05" stEvt:softwareAgent="Editor 3"/>'
    b'<rdf:li rdf:parseType="Resource"><stEvt:action>saved</stEvt:action>'
    b"<stEvt:changed>/</stEvt:changed></rdf:li>"
    b"</rdf:Seq></xmpMM:History></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def texture(height=256, width=384, seed=1):
    """A picture with detail everywhere that no part repeats: smoothed noise, neither dark nor light."""
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    smooth = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))
    return np.clip((np.asarray(smooth, float) - 127) * 3 + 100, 40, 160).astype(np.uint8)


def saved(pixels, kind="JPEG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **({"quality": 95} if kind == "JPEG" else {}) | options)
    return stream.getvalue()
