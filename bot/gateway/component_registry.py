"""The registry of buttons, menus and forms by their ids. Each asks the gate first."""

from bot.commands.ask import ABOUT_FORM, submit_question
from bot.commands.permissions import RevokeMenu
from bot.commands.settings import OptionMenu, PageButton
from bot.interactions.continue_button import ContinueButton
from bot.interactions.login_button import CancelLoginButton, LoginButton
from bot.interactions.place_buttons import PlaceButton
from bot.interactions.queue_buttons import DropMenu, QueueButton
from bot.interactions.resend_button import ResendButton
from bot.interactions.stop_button import StopButton
from bot.interactions.thread_buttons import HeldButton, InterruptedButton, KeepGoingButton
from bot.questions.elicitation import ElicitationButton
from bot.questions.form_submit import FORM_ID, submit_form
from bot.questions.permission import AnswerButton, AnswerMenu, GrantButton, ReasonButton, RuleMenu
from bot.questions.rejection_reason import REASON_ID, submit_reason

COMPONENTS = (
    *(AnswerButton, AnswerMenu, ElicitationButton, HeldButton, KeepGoingButton, InterruptedButton, StopButton),
    *(ReasonButton, GrantButton, RuleMenu, RevokeMenu, ContinueButton, QueueButton, DropMenu, OptionMenu, PageButton),
    *(LoginButton, CancelLoginButton),
    *(ResendButton, PlaceButton),
)

FORMS = {FORM_ID: submit_form, REASON_ID: submit_reason, ABOUT_FORM: submit_question}
"""The handler of each submitted form, by the form's id."""
