"""Drafts that reach a module through another one."""

from __future__ import annotations

JSON_CODECS = """\
import json
import sys


def main():
    data = json.load(sys.stdin)
    result = json.codecs.open('out.txt', 'w').write(str(data))
    print(json.dumps({"result": str(result)}))


main()
"""


RE_BUILTINS = """\
import json
import re
import sys


def main():
    data = json.load(sys.stdin)
    print(json.dumps({"result": re.enum.bltns.eval(data["text"])}))


main()
"""
