"use strict";
(() => {
  const PAUSE = 300; // between two questions, so that a busy proxy is not asked all the time
  const RETRY = 2000;
  const { token } = document.body.dataset;
  let { after } = document.body.dataset;
  const byId = (id) => document.getElementById(id);
  const main = byId("journeys");
  const form = byId("filter");
  const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

  const say = (text) => {
    byId("said").textContent = text;
    byId("said").hidden = !text;
  };

  // What a person has unfolded, chosen or focused stays so when a journey is drawn anew.
  const keyOf = (element) => element.getAttribute("href") ?? `${element.tagName} ${element.closest("[id]").id}`;
  const keep = (old, fresh) => {
    const before = [...old.querySelectorAll("details")];
    [...fresh.querySelectorAll("details")].forEach((details, place) => {
      if (!before[place]) return;
      const hasChanged = place === 0 && old.className !== fresh.className;
      details.open = before[place].open || (hasChanged && details.open);
    });
    for (const chosen of old.querySelectorAll(".chosen")) fresh.querySelector(`#${chosen.id}`)?.classList.add("chosen");
  };
  const refocus = (old, fresh) => {
    const focused = document.activeElement;
    if (!old.contains(focused)) return () => {};
    const key = keyOf(focused);
    const same = [...fresh.querySelectorAll("a, summary, [tabindex]")].find((element) => keyOf(element) === key);
    return () => same?.focus({ preventScroll: true });
  };

  const place = (ids, cards) => {
    let next = main.querySelector(".journey");
    for (const id of ids) {
      let article = byId(id);
      if (cards[id]) {
        const made = document.createElement("template");
        made.innerHTML = cards[id];
        const fresh = made.content.querySelector(".journey");
        if (article) {
          keep(article, fresh);
          const focus = refocus(article, fresh);
          if (next === article) next = fresh;
          article.replaceWith(fresh);
          focus();
        }
        article = fresh;
      }
      if (!article) continue;
      if (article === next) next = article.nextElementSibling;
      else main.insertBefore(article, next ?? byId("none"));
    }
    const wanted = new Set(ids);
    for (const article of main.querySelectorAll(".journey")) if (!wanted.has(article.id)) article.remove();
  };

  const choices = (select, values) => {
    const known = new Set([...select.options].map((option) => option.value));
    for (const value of values) if (!known.has(value)) select.add(new Option(value, value));
  };

  const faults = (html) => {
    const panel = byId("faults");
    if (panel.dataset.html === html) return;
    const preset = panel.querySelector("select")?.value;
    const focused = panel.contains(document.activeElement) && document.activeElement;
    panel.dataset.html = html;
    panel.innerHTML = html;
    if (preset) panel.querySelector("select").value = preset;
    if (!focused) return;
    const { name } = focused.dataset;
    const ofSame = [...panel.querySelectorAll("[data-name]")].find((button) => button.dataset.name === name);
    (ofSame ?? panel.querySelector(focused.dataset.do ? "[data-do]:not([data-name])" : "select")).focus();
  };

  const take = (news) => {
    after = news.after;
    document.title = `lp-authorize: ${news.verdict}`;
    byId("top").innerHTML = news.top;
    faults(news.faults);
    place(news.ids, news.cards);
    byId("none").hidden = news.ids.length > 0;
    byId("more").hidden = !news.left_out;
    choices(form.elements.rule, news.rules);
    choices(form.elements.account, news.accounts);
    document.dispatchEvent(new Event("journeys"));
  };

  const lost = (isLost) => {
    byId("live").classList.toggle("lost", isLost);
    byId("live").textContent = isLost ? "the proxy does not answer" : "live";
  };

  const watch = async () => {
    for (;;) {
      try {
        const answer = await fetch(`/journeys?after=${after}`, { cache: "no-store" });
        if (!answer.ok) throw new Error(String(answer.status));
        if (answer.status === 200) take(await answer.json());
        lost(false);
        await wait(PAUSE);
      } catch {
        lost(true);
        await wait(RETRY);
      }
    }
  };

  byId("faults").addEventListener("click", async (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const { name } = button.dataset;
    const preset = byId("faults").querySelector("select").value;
    const wish = button.dataset.do === "arm" ? { arm: name ?? preset } : { off: name ?? true };
    try {
      const answer = await fetch("/faults", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token, ...wish }),
      });
      say(answer.ok ? "" : await answer.text());
    } catch {
      say("The proxy does not answer.");
    }
  });

  watch();
})();
