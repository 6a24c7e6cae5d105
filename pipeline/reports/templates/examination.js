"use strict";
const viewer = document.querySelector(".viewer");
const layers = [...viewer.querySelectorAll("[data-layer]")];
const choice = document.getElementById("layer"), cover = document.getElementById("cover");
const matched = document.getElementById("matched"), full = document.getElementById("full");
function draw() {
  for (const each of layers) {
    each.hidden = each.dataset.layer !== choice.value;
    each.style.opacity = cover.value / 100;
  }
  viewer.querySelectorAll(".lines").forEach(each => each.toggleAttribute("hidden", matched && !matched.checked));
  viewer.classList.toggle("full", full.checked);
  document.getElementById("covered").textContent = cover.value + " %";
}
for (const each of [choice, cover, matched, full]) if (each) each.addEventListener("input", draw);
for (const each of document.querySelectorAll("[data-show]")) each.addEventListener("click", () => {
  choice.value = each.dataset.show;
  draw();
  viewer.scrollIntoView({behavior: "smooth"});
});
draw();
