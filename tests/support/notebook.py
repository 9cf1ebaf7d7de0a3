"""JupyterLab as a scientist uses it: cards of the launcher, cells, a terminal."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NotInTime

from support.waiting import eventually

PATIENCE = 120_000


class Lab:
    """An open JupyterLab page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def ready(self) -> "Lab":
        """Wait until JupyterLab has come up, and open a launcher in front of what it restored."""
        expect(self.page.locator("#jp-main-dock-panel")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=PATIENCE)
        self.new_launcher()
        return self

    def new_launcher(self) -> None:
        """Open a launcher in front."""

        def opened() -> bool:
            # JupyterLab asks for another kernel where a notebook that it restored has lost its own.
            dialog = self.page.locator(".jp-Dialog")
            if dialog.count():
                self.page.keyboard.press("Escape")
            try:
                self.page.locator("#jp-main-dock-panel .lm-TabBar-addButton:visible").first.click(timeout=5000)
            except NotInTime:
                return False
            return self._cards("Notebook").count() > 0

        eventually(opened, within=PATIENCE / 1000, every=0.5)
        expect(self._cards("Notebook").first).to_be_visible(timeout=PATIENCE)

    def kernels(self) -> list[str]:
        """Return the titles of the launcher's notebook cards."""
        return self._cards("Notebook").all_inner_texts()

    def new_notebook(self, kernel: str) -> "Notebook":
        """Open a notebook on the kernel whose title contains `kernel`."""
        self._cards("Notebook").filter(has_text=kernel).first.click()
        panel = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        expect(panel.locator(".jp-Cell .cm-content").first).to_be_visible(timeout=PATIENCE)
        expect(panel.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute(
            "data-status", "idle", timeout=PATIENCE
        )
        return Notebook(panel)

    def run_in_terminal(self, commands: str, home: Path) -> str:
        """Type `commands` into a terminal, and return what they printed."""
        script, output, done = (home / f".typed.{part}" for part in ("sh", "out", "done"))
        done.unlink(missing_ok=True)
        script.write_text(commands)
        self._cards("Other").filter(has_text="Terminal").first.click()
        screen = self.page.locator(".jp-Terminal:not(.lm-mod-hidden) .xterm-helper-textarea")
        expect(screen).to_be_attached(timeout=PATIENCE)
        screen.focus()
        self.page.keyboard.type(f"sh {script.name} > {output.name} 2>&1; touch {done.name}\n")
        eventually(done.exists, within=PATIENCE / 1000)
        return output.read_text()

    def _cards(self, category: str) -> Locator:
        return self.page.locator(f'.jp-Launcher:visible .jp-LauncherCard[data-category="{category}"]')


class Notebook:
    """An open notebook."""

    def __init__(self, panel: Locator) -> None:
        self.panel = panel

    def run(self, code: str) -> str:
        """Run `code` in the last cell and return the text of its output."""
        count = self.panel.locator(".jp-Notebook .jp-CodeCell").count()
        cell = self.panel.locator(".jp-Notebook .jp-CodeCell").nth(count - 1)
        editor = cell.locator(".cm-content")

        prompt = cell.locator(".jp-InputPrompt")

        def runs() -> bool:
            # A notebook that is still being set up drops what is typed into it, and runs nothing.
            editor.click()
            self.panel.page.keyboard.press("Control+A")
            self.panel.page.keyboard.insert_text(code)
            if editor.inner_text().strip() != code:
                return False
            self.panel.page.keyboard.press("Shift+Enter")
            try:
                expect(prompt).not_to_have_text("[ ]:", timeout=5000)
            except AssertionError:
                return False
            return True

        eventually(runs, within=PATIENCE / 1000, every=0.5)
        outputs = cell.locator(".jp-OutputArea-output")
        expect(outputs.first).to_be_visible(timeout=PATIENCE)
        return "\n".join(outputs.all_inner_texts())
