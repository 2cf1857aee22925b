"""views.*: modals and home tabs."""

from typing import Any

from bridge.demo.double.blockkit import check_view
from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.site import Arguments, Site, invalid_arguments
from bridge.demo.double.stored import Json


async def opened(site: Site, args: Arguments) -> Json:
    """views.open."""
    (trigger_id,) = args.required("trigger_id")
    view = definition(args, kind="modal")
    trigger = site.workspace.screens.exchange(trigger_id)
    return {"view": site.workspace.screens.open(trigger.user, view)}


async def pushed(site: Site, args: Arguments) -> Json:
    """views.push: on top of the modal in which the trigger was made."""
    (trigger_id,) = args.required("trigger_id")
    view = definition(args, kind="modal")
    trigger = site.workspace.screens.exchange(trigger_id)
    if not trigger.view:
        raise SlackRefusal("not_found")
    return {"view": site.workspace.screens.push(trigger.user, view)}


async def updated(site: Site, args: Arguments) -> Json:
    """views.update, by view_id or external_id."""
    if "view_id" not in args and "external_id" not in args:
        raise invalid_arguments("missing required field: view_id")
    view = definition(args)
    names = {"view_id": args.text("view_id"), "external_id": args.text("external_id")}
    return {"view": site.workspace.screens.update(view, **names, expected=args.text("hash"))}


async def published(site: Site, args: Arguments) -> Json:
    """views.publish: a person's home tab."""
    (user,) = args.required("user_id")
    view = definition(args, kind="home")
    if user not in site.workspace.users:
        raise invalid_arguments("invalid user_id")
    if not (site.features("app_home") or {}).get("home_tab_enabled"):
        raise SlackRefusal("not_enabled")
    return {"view": site.workspace.screens.publish(user, view, expected=args.text("hash"))}


def definition(args: Arguments, *, kind: str = "") -> Json:
    """The view that the app gave. Raises what Slack answers to a view that it does not take."""
    view: Any = args.structure("view", code="invalid_arguments")
    if not isinstance(view, dict):
        raise invalid_arguments("missing required field: view")
    found = check_view(view)
    if any(one.startswith("view_too_large") for one in found):
        raise SlackRefusal("view_too_large")
    if found:
        raise SlackRefusal("invalid_arguments", response_metadata={"messages": found})
    if kind and view["type"] != kind:
        raise invalid_arguments(f"unsupported type: {view['type']} [json-pointer:/view/type]")
    return view
