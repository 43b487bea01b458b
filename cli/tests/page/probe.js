// Looks at every page in a frame of this document, and leaves what is wrong with it in the document's title.
"use strict";

/** Texts of a drawing that meet one another or its border, and the smallest one. */
function words(drawing, wrong) {
  const frame = drawing.getBoundingClientRect();
  const texts = [...drawing.querySelectorAll("text")].filter((text) => text.textContent.trim());
  const boxes = texts.map((text) => [text.textContent.trim(), text.getBoundingClientRect()]);
  boxes.forEach(([text, box], i) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      wrong.push(`"${text}" leaves the drawing`);
    for (const [other, next] of boxes.slice(i + 1)) {
      const wide = Math.min(box.right, next.right) - Math.max(box.left, next.left);
      const high = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
      // Boxes hold the room for accents and descenders, too.
      if (wide > 1 && high > 0.3 * box.height) wrong.push(`"${text}" meets "${other}"`);
    }
    if (box.height < 11) wrong.push(`"${text}" is ${box.height.toFixed(1)} px high`);
  });
  if (!drawing.querySelector("polyline, polygon, circle") && !/Nothing to draw/.test(drawing.textContent)) wrong.push("an empty drawing");
  const named = drawing.getAttribute("aria-labelledby").split(" ").map((id) => drawing.ownerDocument.getElementById(id));
  if (named.some((element) => !element?.textContent.trim())) wrong.push("a drawing without title or description");
}

function look(frame) {
  const page = frame.contentDocument, root = page.documentElement, wrong = [];
  const width = frame.clientWidth;
  if (root.clientWidth !== width) wrong.push(`the frame is ${root.clientWidth} px wide`);
  if (root.scrollWidth > width || page.body.scrollWidth > width)
    wrong.push(`scrolls sideways: ${root.scrollWidth} px of ${width}`);
  const inside = (element) => element.closest(".scroll");
  for (const element of page.body.querySelectorAll("*:not(svg *)")) {
    const box = element.getBoundingClientRect();
    if (!inside(element) && box.right > width + 1) wrong.push(`<${element.localName}> ends at ${box.right} px`);
  }
  const drawings = [...page.querySelectorAll("svg[role=img]")].filter((svg) => svg.getBoundingClientRect().width > 0);
  const expected = Number(frame.dataset.drawings);
  if (drawings.length !== expected) wrong.push(`${drawings.length} drawings of ${expected}`);
  drawings.forEach((drawing) => words(drawing, wrong));
  const loaded = frame.contentWindow.performance.getEntriesByType("resource").length;
  if (loaded) wrong.push(`${loaded} requests`);
  for (const element of page.querySelectorAll("*"))
    for (const { name, value } of element.attributes)
      if (name.startsWith("on") || name === "src" || (name === "href" && !value.startsWith("#"))) wrong.push(`${name}=${value}`);
  if (page.querySelector("script, link, img, object, embed, iframe")) wrong.push("an element that loads or runs");
  const ids = [...page.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) wrong.push("an id twice");
  const isDark = frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches;
  if (isDark !== (frame.style.colorScheme === "dark")) wrong.push(`prefers dark: ${isDark}`);
  const light = frame.contentWindow.getComputedStyle(page.body).backgroundColor === "rgb(255, 255, 255)";
  if (light === isDark) wrong.push("the ground has the wrong colour");
  return wrong.map((what) => `${frame.dataset.name}: ${what}`);
}

addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  const wrong = frames.flatMap(look);
  document.title = [`looked at ${frames.length}`, ...wrong].join(" | ");
});
