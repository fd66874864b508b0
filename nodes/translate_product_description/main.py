"""Translate a text.

In: text (or content), translationLanguages, id.
Out: translations (named like de_to_en), task_id, task_type.
By the offline author, from a template: no language model took part.
Sent back, it understands: empty input, docstrings, type hints.
"""

# Task task-3: Translation of Product Description

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool


def translate(text, source, target):
    request = {"text": text, "source_language": source, "target_language": target}
    return call_tool("nmt_translator", json.dumps(request))


def main():
    task = json.load(sys.stdin)
    task_id = task.get("id", "unknown")
    text = task.get("text", task.get("content", ""))
    languages = task.get("translationLanguages") or []

    translations = {}
    for pair in languages:
        source, target = pair.get("from", "en"), pair.get("to", "es")
        translations[f"{source}_to_{target}"] = translate(text, source, target)

    print(json.dumps({"translations": translations, "task_id": task_id, "task_type": "translate"}))


if __name__ == "__main__":
    main()
