import { billingAccounts } from "./billing_accounts";
import { credits } from "./credits";
import { existingClients } from "./existing_clients";
import { payments } from "./payments";

async function main(): Promise<void> {
  for (const flow of [billingAccounts, payments, credits, existingClients]) {
    await flow();
    console.log(`${flow.name}: as typed`);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
