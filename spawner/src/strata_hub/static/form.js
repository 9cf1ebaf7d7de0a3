// What the form can do beyond choosing and starting: search in all images, a link to a choice, a summary.
(() => {
  "use strict";
  const root = document.getElementById("strata");
  if (!root) return;
  const form = root.closest("form");
  const byId = (id) => document.getElementById(id);
  const query = byId("strata-query");
  const hits = byId("strata-hits");
  const status = byId("strata-status");
  const summary = byId("strata-summary");
  const PAUSE = 150;
  let timer = 0;
  let pending = null;

  const chosen = (name) => form.querySelector(`input[name="${name}"]:checked`);

  function summarise() {
    const image = chosen("image")?.dataset.display;
    const size = chosen("size");
    const sizeTitle = size ? size.parentElement.querySelector(".strata-title").textContent : "";
    summary.textContent = image ? `Start gives you ${image}${sizeTitle ? `, ${sizeTitle}` : ""}.` : "No image is chosen.";
  }

  // A result that was chosen stays when the next results replace the others: what is selected never vanishes unseen.
  function show(html, more) {
    const kept = chosen("image");
    const keep = !more && kept && hits.contains(kept) ? kept.closest(".strata-image") : null;
    if (more) hits.querySelector("button[data-start]")?.remove();
    else hits.replaceChildren();
    if (keep) hits.append(keep);
    const parsed = new DOMParser().parseFromString(html, "text/html").body;
    for (const node of [...parsed.children]) {
      if (keep && node.querySelector("input")?.id === kept.id) continue;
      hits.append(document.adoptNode(node));
    }
    const count = hits.querySelectorAll(".strata-image").length;
    return count;
  }

  async function search(start = 0) {
    pending?.abort();
    pending = new AbortController();
    const text = query.value.trim();
    if (!text) {
      show("", false);
      status.textContent = "";
      return;
    }
    const url = new URL(root.dataset.search, location.href);
    url.searchParams.set("q", text);
    url.searchParams.set("start", String(start));
    try {
      const answer = await fetch(url, { signal: pending.signal, headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const shown = show(await answer.text(), start > 0);
      const total = Number(answer.headers.get("X-Total-Count"));
      status.textContent = total === 0 ? "No image matches." : `${shown} of ${total} matching images.`;
      summarise();
    } catch (error) {
      if (error.name !== "AbortError") status.textContent = "The search does not answer. Reload this page and try again.";
    }
  }

  function link() {
    const url = new URL(root.dataset.link, location.href);
    const image = chosen("image");
    const size = chosen("size");
    if (image) url.searchParams.set("opt-image", image.value);
    if (size) url.searchParams.set("opt-size", size.value);
    if (byId("strata-safe-mode").checked) url.searchParams.set("opt-safe_mode", "1");
    return url.href;
  }

  async function copy() {
    const field = byId("strata-url");
    field.value = link();
    try {
      await navigator.clipboard.writeText(field.value);
      field.hidden = true;
      summary.textContent = "The link is copied.";
    } catch {
      // Without a secure context, or without leave: the link is there to be copied by hand.
      field.hidden = false;
      field.select();
      summary.textContent = "Copy the link from the field.";
    }
  }

  query.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  query.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "ArrowDown") {
      const first = hits.querySelector("input:not(:disabled)");
      if (first) {
        event.preventDefault();
        first.focus();
      }
    }
  });
  hits.addEventListener("click", (event) => {
    const start = event.target.dataset.start;
    if (start) search(Number(start));
  });
  byId("strata-copy").addEventListener("click", copy);
  form.addEventListener("change", summarise);

  byId("strata-by-tag").remove();
  byId("strata-search").hidden = false;
  summary.parentElement.hidden = false;
  summarise();
  root.dataset.ready = "yes";
})();
