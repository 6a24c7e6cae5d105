"""A page as a browser takes it in: its tags, what it would load, and its text."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "path", "use", "wbr", "image", "rect", "input"}


class Page(HTMLParser):
    """Checks that tags are closed in order; keeps what would be loaded, and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loaded, self.tags, self.ids, self.text = [], [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loaded += [
            value for name, value in attributes if name in ("src", "href", "xlink:href", "action")
        ]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "title"):
            self.text += f" {data}"
