// New events come to the top of the table. Without this the page shows what there was when it was asked for.
"use strict";
const log = document.getElementById("log");
let after = log.dataset.after;
const cells = (event) => [event.position, event.at, event.type, event.aggregate];
async function look() {
  if (!document.hidden) {
    const answer = await fetch(`${log.dataset.from}?after=${after}`, { credentials: "same-origin" });
    if (!answer.ok) return;
    for (const event of (await answer.json()).events) {
      const row = log.tBodies[0].insertRow(0);
      for (const text of cells(event)) row.insertCell().textContent = text;
      row.insertCell().appendChild(document.createElement("code")).textContent = event.payload;
      after = event.position;
    }
  }
  setTimeout(look, 2000);
}
setTimeout(look, 2000);
