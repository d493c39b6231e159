"""What holds of every page that people look at, as expressions for ``tests.browser.Browser.evaluate``."""

from __future__ import annotations

CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const over = (top, alpha, below) => [0, 1, 2].map((i) => top[i] * alpha + below[i] * (1 - alpha));
  const behind = (e) => {
    if (!e) return [255, 255, 255];
    const c = rgba(getComputedStyle(e).backgroundColor), alpha = c[3] / 255;
    return alpha > .99 ? c.slice(0, 3) : over(c, alpha, behind(e.parentElement));
  };
  const opacity = (e) => e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1;
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent).join("").trim();
    const box = e.getBoundingClientRect();
    const hidden = !e.checkVisibility({visibilityProperty: true, opacityProperty: true}) || box.width < 2 || box.height < 2;
    if (!/[^\\p{Zs}\\p{Co}\\p{P}]/u.test(text) || hidden || e.matches("script, style, option, title, desc, .MathJax *")) continue;
    const style = getComputedStyle(e), drawn = e.closest("svg");
    let back = behind(e);
    const node = e.closest("svg.graph g") && e.parentElement.querySelector(".observed");
    if (node) back = rgba(getComputedStyle(node).fill).slice(0, 3);
    const fore = rgba(drawn ? style.fill : style.color);
    const seen = over(fore, fore[3] / 255 * opacity(e), back);
    const [a, b] = [light(seen), light(back)].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) low.push([e.tagName + (e.className.baseVal ?? "." + e.className), text.slice(0, 40), Math.round((a + .05) / (b + .05) * 100) / 100]);
  }
  return low;
})()"""
"""Texts whose contrast is below WCAG's 4.5 to 1."""

TOO_WIDE = """(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1);
  return ["document: " + document.documentElement.scrollWidth, ...wide.slice(0, 8).map((e) => e.tagName + "." + e.className)];
})()"""
"""What makes a page scroll sideways."""

UNNAMED = """[...document.querySelectorAll("button, input, textarea, select, a[href]")].filter((e) => e.checkVisibility()
  && !(e.textContent.trim() || e.getAttribute("aria-label") || e.title || e.labels?.length || e.querySelector("img[alt], svg[aria-label]"))
).map((e) => e.outerHTML.slice(0, 120))"""
"""Controls that a screen reader has no name for."""
