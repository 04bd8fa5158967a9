// Mounts the payment gateway's own fields for a card: what is entered there never reaches this service.
const form = document.getElementById("card");
const button = form.querySelector("button");
const problem = document.getElementById("card-problem");

function say(message) {
  problem.textContent = message;
  problem.hidden = !message;
}

function mount() {
  const stripe = window.Stripe(form.dataset.publishableKey);
  const elements = stripe.elements({ clientSecret: form.dataset.clientSecret });
  const fields = elements.create("payment");
  const place = document.getElementById("card-fields");
  place.replaceChildren();
  fields.on("ready", () => { button.disabled = false; });
  fields.on("loaderror", (event) => say(event.error.message));
  fields.mount(place);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say("");
    const back = new URL(form.dataset.done, location.href).href;
    const result = await stripe.confirmPayment({ elements, confirmParams: { return_url: back } });
    // It leads away from this page unless something is wrong.
    say(result.error.message);
    button.disabled = false;
  });
}

if (window.Stripe) mount();
else say("The fields for cards could not be loaded. Check the connection and reload the page, or pay by bank transfer.");
