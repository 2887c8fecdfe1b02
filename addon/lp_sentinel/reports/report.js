"use strict";
(() => {
  const form = document.getElementById("filter");
  // The live page replaces journeys as they go on.
  const all = () => [...document.querySelectorAll(".journey")];
  const texts = new WeakMap();
  const textOf = (journey) => {
    if (!texts.has(journey)) texts.set(journey, journey.textContent.toLowerCase());
    return texts.get(journey);
  };

  const apply = () => {
    const wanted = new FormData(form);
    const severities = new Set(wanted.getAll("severity"));
    const rule = wanted.get("rule");
    const account = wanted.get("account");
    const words = wanted.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    const journeys = all();
    let shown = 0;
    let found = 0;
    for (const journey of journeys) {
      let matching = 0;
      for (const finding of journey.querySelectorAll(".finding")) {
        const matches = severities.has(finding.dataset.severity) && (!rule || finding.dataset.rule === rule);
        finding.hidden = !matches;
        matching += matches;
      }
      const { kinds } = journey.dataset;
      journey.hidden = !(
        (matching > 0 || (!rule && (kinds === "unexplained" || (kinds === "none" && severities.has("none"))))) &&
        (!account || journey.dataset.account === account) &&
        words.every((word) => textOf(journey).includes(word))
      );
      shown += !journey.hidden;
      found += journey.hidden ? 0 : matching;
    }
    const number = (count) => count.toLocaleString("en-US");
    const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
    document.getElementById("shown").value =
      `${number(shown)} of ${plural(journeys.length, "journey")}, ${plural(found, "finding")}`;
    document.getElementById("nothing").hidden = shown > 0 || journeys.length === 0;
  };

  // Only what is seen is unfolded: thousands at once would have to be laid out.
  const foldAll = (open) => {
    for (const journey of all()) if (!journey.hidden) journey.firstElementChild.open = open;
  };

  const show = (id) => {
    const hop = document.getElementById(id);
    if (!hop || !hop.matches(".hops > li")) return false;
    document.querySelectorAll(".hops > .chosen").forEach((other) => other.classList.remove("chosen"));
    hop.classList.add("chosen");
    hop.closest(".journey > details").open = true;
    hop.firstElementChild.open = true;
    hop.scrollIntoView({ block: "nearest" });
    hop.querySelector("summary").focus({ preventScroll: true });
    return true;
  };

  let waiting;
  const applySoon = (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, event.target.name === "text" ? 120 : 0);
  };
  form.addEventListener("input", applySoon);
  form.addEventListener("change", applySoon);
  document.addEventListener("journeys", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("unfold").addEventListener("click", () => foldAll(true));
  document.getElementById("fold").addEventListener("click", () => foldAll(false));
  document.getElementById("reset").addEventListener("click", () => {
    form.reset();
    apply();
  });
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-choose]");
    if (chosen) {
      form.elements.rule.value = chosen.dataset.choose;
      apply();
      document.getElementById("journeys").scrollIntoView();
    }
    const link = event.target.closest("svg a, a.to-hop");
    if (link && show(link.getAttribute("href").slice(1))) event.preventDefault();
  });
  if (location.hash) show(location.hash.slice(1));
  form.hidden = false;
  apply();
})();
