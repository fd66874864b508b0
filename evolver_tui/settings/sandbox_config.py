"""The config's section on what a run of a node may take."""

from __future__ import annotations

from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import between


class SandboxConfig(Section):
    """The box in which every node runs, and what one run may take."""

    seconds: float = setting(600.0, "Seconds from start to end.", between(0.1, 86_400))
    cpu_seconds: int = setting(60, "Seconds of processor time.", between(1, 86_400))
    memory_mb: int = setting(1024, "Address space, in MB.", between(64, 1_000_000))
    file_mb: int = setting(64, "The size of each file that it writes, in MB.", between(1, 100_000))
    disk_mb: int = setting(
        256, "All that it writes, to files and streams, in MB; also what it deletes again.", between(1, 1_000_000)
    )
    files: int = setting(2000, "Files and folders that it has at a time.", between(1, 1_000_000))
    open_files: int = setting(64, "Files that it has open at a time.", between(16, 100_000))
    processes: int = setting(64, "Threads that it has at a time; it has one process.", between(1, 10_000))
    output_bytes: int = setting(1_048_576, "What is kept of its stdout, and of its stderr.", between(1024, 100_000_000))
    tool_calls: int = setting(50, "Calls of tools.", between(0, 100_000))
    tool_bytes: int = setting(10_000_000, "All prompts and answers of its tools together.", between(0, 1_000_000_000))
