// What staff and customers come for, from the first page to what says that it is done.
import type { Hands } from "./hands.js";

export type Task = (who: Hands) => Promise<void>;

export const STAFF: Record<string, Task> = {
  async "find a customer by an e-mail address"(who) {
    await who.open("/console");
    await who.type("A name, an e-mail address, a number or a reference", "lena@northwind");
    await who.press("Search");
    await who.follow(/Northwind Research/);
    await who.sees("suspended");
  },

  async "create a client"(who) {
    await who.open("/console/clients");
    await who.follow("New client");
    await who.type("Name (required)", `Riverside ${who.mark}`);
    await who.press("Create client");
    await who.sees("The client was created.");
  },

  async "give a client a billing account"(who) {
    await who.open("/console/billing-accounts");
    await who.follow("New billing account");
    await who.choose("Client (required)", "Northern");
    await who.type("Budget (required)", "12500.50");
    await who.type("Name (required)", `Northern depot ${who.mark}`);
    await who.type("Markup (required)", "0.2");
    await who.press("Create billing account");
    await who.sees("The billing account was created.");
    await who.sees("12,500.50");
  },

  async "see a mistake beside its field"(who) {
    await who.open("/console/clients/new");
    await who.type("Name (required)", `Riverside ${who.mark}`);
    await who.type("Code name", "x".repeat(300));
    await who.press("Create client");
    await who.sees(/^Longer than maximum length|^Must not be longer|longer/i);
  },

  async "add to a budget that runs out"(who) {
    await who.open("/console/billing-accounts?sortBy=remainingBudget&sortOrder=asc");
    await who.follow("Northern ticketing");
    await who.follow("Adjust the budget");
    await who.type("Amount (required)", "2500");
    await who.type("Reason (required)", "Order 4712");
    await who.press("See what will happen");
    await who.sees("What will happen");
    await who.press("Adjust the budget");
    await who.sees("The budget was adjusted.");
  },

  async "take back a part of what was consumed"(who) {
    await who.open("/console/billing-accounts");
    await who.follow("Lakeside patient portal");
    await who.follow(/^Reverse/);
    await who.type("Amount", "50.25");
    await who.type("Reason (required)", "Fewer hours");
    await who.press("See what will happen");
    await who.press("Reverse");
    await who.sees("The amount was reversed.");
  },

  async "let a user use a billing account"(who) {
    await who.open("/console/billing-accounts");
    await who.follow("Acme data engagement");
    await who.follow("Users");
    await who.follow("Grant access");
    await who.type("User id (required)", `7${who.mark.length}`);
    await who.type("Handle", `eve-${who.mark}`);
    await who.press("Grant access");
    await who.sees(`eve-${who.mark}`);
  },

  async "schedule a failed payment again"(who) {
    await who.open("/console/payments?status=failed");
    await who.check("bob");
    await who.choose("With the chosen payments", "Schedule");
    await who.press("See what will happen");
    await who.press(/^Schedule/);
    await who.sees("The payment was changed.");
  },

  async "approve a transfer from the worklist"(who) {
    await who.open("/console/transfers");
    await who.follow(/^Approve/);
    await who.type("Reference", `bank ${who.mark}`);
    await who.press(/^Approve/);
    await who.sees("The transfer was approved");
  },

  async "grant credits with a reason"(who) {
    await who.open("/console/customers");
    await who.follow("Harbour Studio");
    await who.follow("Grant credits");
    await who.type("Credits (required)", "75");
    await who.type("Reason (required)", `Thanks, ${who.mark}`);
    await who.press(/^Grant|See what will happen/);
    if (await who.page.getByText("What will happen").count()) await who.press(/^Grant/);
    await who.sees("The credits were posted.");
  },
};

export const CUSTOMER: Record<string, Task> = {
  async "order credits by bank transfer"(who) {
    await who.open("/portal");
    await who.follow("Buy");
    await who.follow("Buy Starter Pack");
    await who.choose("Payment method (required)", "Bank transfer");
    await who.press(/^(Buy|Order)/);
    await who.sees(/INV-\d{4}-\d+/);
  },

  async "fetch the PDF of an invoice"(who) {
    await who.open("/portal/invoices");
    await who.follow(/^INV-/);
    await who.sees("Total");
  },

  async "invite a person to the team"(who) {
    await who.open("/portal/team");
    await who.follow("Invite a person");
    await who.type("E-mail address (required)", `zoe-${who.mark}@demo.example`);
    await who.choose("Role (required)", "Member");
    await who.press("Invite");
    await who.sees(`zoe-${who.mark}@demo.example`);
  },

  async "limit what one kind of work may use"(who) {
    await who.open("/portal/limits");
    await who.follow("Set a limit");
    await who.choose("Limits (required)", "An operation");
    await who.type("Which (required)", `render-${who.mark}`);
    await who.choose("Counts (required)", "Each month");
    await who.type("Credits at most (required)", "250");
    await who.press("Set the limit");
    await who.sees(`render-${who.mark}`);
  },

  async "change the address on invoices"(who) {
    await who.open("/portal/settings");
    await who.follow(/Edit/);
    await who.type("Address, first line", `${who.mark} quay 1`);
    await who.press("Save changes");
    await who.sees(`${who.mark} quay 1`);
  },

  async "issue an API key"(who) {
    await who.open("/portal/keys");
    await who.follow("New key");
    await who.type("Name (required)", `Dashboard ${who.mark}`);
    await who.check(/./);
    await who.press("Issue the key");
    await who.sees("Copy the key now");
    await who.follow("Done");
    await who.sees(`Dashboard ${who.mark}`);
  },

  async "see what was used in a week, and by what"(who) {
    await who.open("/portal/usage");
    await who.follow("Every use");
    await who.sees("image_generation");
  },
};
