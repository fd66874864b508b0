"""Generate a text and translate it.

In: prompt (or description), translationLanguages, id.
Out: result, translations (by target language), task_id, task_type.
By the offline author, from a template: no language model took part.
Sent back, it understands: empty input, docstrings, type hints.
"""

# Task task-2: AI Generated Email Content

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool


def translate(text, source, target):
    return call_tool("quick_translator", f"Translate from {source} to {target}: {text}")


def main():
    task = json.load(sys.stdin)
    task_id = task.get("id", "unknown")
    prompt = task.get("prompt", task.get("description", ""))
    languages = task.get("translationLanguages") or []

    content = call_tool("content_generator", prompt)

    translations = {}
    for pair in languages:
        source, target = pair.get("from", "en"), pair.get("to", "es")
        translations[target] = translate(content, source, target)

    result = {"result": content, "translations": translations}
    print(json.dumps({**result, "task_id": task_id, "task_type": "generate"}))


if __name__ == "__main__":
    main()
