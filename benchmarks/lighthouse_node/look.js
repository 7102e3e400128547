// Lighthouse over pages of a running, signed-in Chromium: `node look.js PORT ADDRESS...`; one JSON line for each page.

import lighthouse from "lighthouse";

const [port, ...addresses] = process.argv.slice(2);
const CATEGORIES = ["performance", "accessibility", "best-practices"];

for (const address of addresses) {
  // Mobile and simulated Slow 4G with a processor 4x slower are what Lighthouse does by itself. It keeps cookies.
  const options = { port: Number(port), onlyCategories: CATEGORIES, output: "json", logLevel: "error", maxWaitForLoad: 45_000 };
  const { lhr } = await lighthouse(address, options);
  const scores = Object.fromEntries(CATEGORIES.map((name) => [name, lhr.categories[name].score]));
  const lower = CATEGORIES.flatMap((name) =>
    lhr.categories[name].auditRefs
      .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
      .map(({ id }) => ({ category: name, audit: id, title: lhr.audits[id].title, value: lhr.audits[id].displayValue ?? "",
        items: (lhr.audits[id].details?.items ?? []).slice(0, 5).map((item) => item.node?.snippet ?? item.description ?? item.source ?? "") })),
  );
  const metric = (id) => lhr.audits[id]?.numericValue ?? null;
  const metrics = {
    first_paint: metric("first-contentful-paint"),
    largest_paint: metric("largest-contentful-paint"),
    blocking: metric("total-blocking-time"),
    shift: metric("cumulative-layout-shift"),
    speed: metric("speed-index"),
  };
  console.log(JSON.stringify({ address, final: lhr.finalDisplayedUrl, failed: lhr.runtimeError?.message ?? "", scores, lower, metrics }));
}
