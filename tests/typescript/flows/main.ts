import { billingAccounts } from "./billing_accounts.js";
import { books } from "./books.js";
import { credits } from "./credits.js";
import { payments } from "./payments.js";

async function main(): Promise<void> {
  for (const flow of [billingAccounts, books, payments, credits]) {
    await flow();
    console.log(`${flow.name}: as typed`);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
