"""The config's section on how long agent and person may take."""

from __future__ import annotations

from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import between


class ConversationConfig(Section):
    """When a signal tells that agent or person takes long."""

    generation_seconds: float = setting(120.0, "The model writes one answer for so long; 0 never.", between(0, 86_400))
    answer_seconds: float = setting(3600.0, "A question is open for so long; 0 never.", between(0, 31_536_000))
