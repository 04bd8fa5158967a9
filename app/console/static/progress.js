// A form that is sent says so until its answer takes the place of the page: what is done to many takes a while.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  const said = document.createElement("p");
  said.className = "notice";
  said.setAttribute("role", "status");
  said.textContent = "Working. The next page shows what was done.";
  form.append(said);
});
// After navigating back, the form is as it was.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) {
    form.removeAttribute("aria-busy");
    form.lastElementChild.remove();
  }
});
