"""`/v1/admin/api-keys` and `/v1/account/api-keys`: keys for machines, of staff and of a customer account."""

from typing import Any

from sqlalchemy import Row

from app.api_keys import failures, schemas, service
from app.api_keys.permissions import STAFF
from app.api_keys.service import Terms
from app.customers.guards import manager
from app.customers.membership import Membership
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of

_GUIDE = "keys.md#api-keys"
admin_blueprint = ApiBlueprint(
    "admin-api-keys",
    __name__,
    url_prefix="/v1/admin/api-keys",
    description="Keys for machines, of any scope and of any customer account.",
    guide=_GUIDE,
)
account_blueprint = ApiBlueprint(
    "account-api-keys",
    __name__,
    url_prefix="/v1/account/api-keys",
    description="Keys for machines that act in a customer account.",
    guide=_GUIDE,
)

_manager = manager()


@admin_blueprint.route("")
class ApiKeys(Resource):
    """All keys."""

    @STAFF
    @admin_blueprint.arguments(schemas.ApiKeyQuery(), location="query")
    @admin_blueprint.response(200, page_of(schemas.ApiKey))
    @admin_blueprint.doc(operationId="listApiKeys")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List API keys

        Lists all keys, those of customer accounts and revoked ones too, newest first. Their secrets are not stored and
        never listed.
        """
        return service.search(None, arguments)

    @STAFF
    @admin_blueprint.arguments(schemas.ApiKeyCreate(), example=schemas.KEY_EXAMPLE)
    @admin_blueprint.response(201, schemas.ApiKey)
    @fails(failures.NO_ACCOUNT, failures.ACCOUNT_CLOSED)
    @admin_blueprint.doc(operationId="createApiKey")
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Issue an API key

        Issues a key with scopes and without a role, and returns its secret as `key`, this once. With `account_id` the
        key acts in that customer account alone, without naming it; an unknown account is refused with 404 `not_found`.
        A repeated request with an `Idempotency-Key` gets `null` in place of the secret.
        """
        return service.create(None, Terms(**values))


@admin_blueprint.route("/<bigint_id:key_id>")
class OneApiKey(Resource):
    """One key."""

    @STAFF
    @admin_blueprint.response(200, schemas.ApiKey)
    @admin_blueprint.doc(operationId="getApiKey")
    def get(self, key_id: int) -> Row[Any]:
        """Get an API key

        Returns a key without its secret. An unknown one is refused with 404 `not_found`.
        """
        return service.get(None, key_id)


@admin_blueprint.route("/<bigint_id:key_id>/rotate")
class ApiKeyRotation(Resource):
    """The rotation of a key."""

    @STAFF
    @admin_blueprint.arguments(schemas.RotateApiKey(), example=schemas.ROTATE_EXAMPLE)
    @admin_blueprint.response(200, schemas.ApiKey)
    @fails(failures.KEY_ENDED, failures.ACCOUNT_CLOSED)
    @admin_blueprint.doc(operationId="rotateApiKey")
    def post(self, values: dict[str, Any], key_id: int) -> dict[str, Any]:
        """Rotate the secret of an API key

        Gives a key a new secret, which is returned as `key`, this once. The former secrets work for `overlap_seconds`
        more, or end at once without it. The key stays the same caller: it keeps its idempotency keys, caps and limits.
        A key that is revoked or has expired is refused with 409 `conflict`.
        """
        return service.rotate(None, key_id, **values)


@admin_blueprint.route("/<bigint_id:key_id>/revoke")
class ApiKeyRevocation(Resource):
    """The revocation of a key."""

    @STAFF
    @admin_blueprint.arguments(schemas.RevokeApiKey(), example=schemas.REVOKE_EXAMPLE)
    @admin_blueprint.response(200, schemas.ApiKey)
    @admin_blueprint.doc(operationId="revokeApiKey")
    def post(self, values: dict[str, Any], key_id: int) -> Row[Any]:
        """Revoke an API key

        Revokes a key for good: within 5 seconds all its secrets are refused everywhere. Revoking it again changes
        nothing.
        """
        return service.revoke(None, key_id, **values)


@account_blueprint.route("")
class AccountApiKeys(Resource):
    """The keys of the account."""

    @account_blueprint.arguments(SnakePageArguments(), location="query")
    @account_blueprint.response(200, page_of(schemas.ApiKey))
    @account_blueprint.doc(operationId="listAccountApiKeys")
    @_manager
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the API keys of the account

        Lists the keys that act in the account, revoked ones too, newest first. Their secrets are not stored and never
        listed.
        """
        return service.search(membership.account_id, arguments)

    @account_blueprint.arguments(schemas.AccountApiKeyCreate(), example=schemas.ACCOUNT_KEY_EXAMPLE)
    @account_blueprint.response(201, schemas.ApiKey)
    @fails(failures.NO_ACCOUNT, failures.ACCOUNT_CLOSED)
    @account_blueprint.doc(operationId="createAccountApiKey")
    @_manager
    def post(self, values: dict[str, Any], membership: Membership) -> dict[str, Any]:
        """Issue an API key of the account

        Issues a key that acts in the account alone, without naming it, and returns its secret as `key`, this once. The
        scope `read:account` reads what any member may read, `spend:credits` spends and holds credits. The key outlives
        its issuer's membership. Another account is refused with 404 `not_found`.
        """
        return service.create(membership.account_id, Terms(**values))


@account_blueprint.route("/<bigint_id:key_id>")
class OneAccountApiKey(Resource):
    """One key of the account."""

    @account_blueprint.response(200, schemas.ApiKey)
    @account_blueprint.doc(operationId="getAccountApiKey")
    @_manager
    def get(self, key_id: int, membership: Membership) -> Row[Any]:
        """Get an API key of the account

        Returns a key without its secret. One of another account is refused with 404 `not_found`.
        """
        return service.get(membership.account_id, key_id)


@account_blueprint.route("/<bigint_id:key_id>/rotate")
class AccountApiKeyRotation(Resource):
    """The rotation of a key of the account."""

    @account_blueprint.arguments(schemas.RotateApiKey(), example=schemas.ROTATE_EXAMPLE)
    @account_blueprint.response(200, schemas.ApiKey)
    @fails(failures.KEY_ENDED, failures.ACCOUNT_CLOSED)
    @account_blueprint.doc(operationId="rotateAccountApiKey")
    @_manager
    def post(self, values: dict[str, Any], key_id: int, membership: Membership) -> dict[str, Any]:
        """Rotate the secret of an API key of the account

        Gives a key a new secret, which is returned as `key`, this once. The former secrets work for `overlap_seconds`
        more, or end at once without it. The key stays the same caller: it keeps its idempotency keys, caps and limits.
        A key that is revoked or has expired is refused with 409 `conflict`.
        """
        return service.rotate(membership.account_id, key_id, **values)


@account_blueprint.route("/<bigint_id:key_id>/revoke")
class AccountApiKeyRevocation(Resource):
    """The revocation of a key of the account."""

    @account_blueprint.arguments(schemas.RevokeApiKey(), example=schemas.REVOKE_EXAMPLE)
    @account_blueprint.response(200, schemas.ApiKey)
    @account_blueprint.doc(operationId="revokeAccountApiKey")
    @_manager
    def post(self, values: dict[str, Any], key_id: int, membership: Membership) -> Row[Any]:
        """Revoke an API key of the account

        Revokes a key for good: within 5 seconds all its secrets are refused everywhere. Revoking it again changes
        nothing.
        """
        return service.revoke(membership.account_id, key_id, **values)
