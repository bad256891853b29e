"""The message store: voicemail, texts and faxes, with one noun for all of them and one for each of the last two."""

from .faxes import Faxes
from .messages import Messages
from .sms import Sms
from .voicemails import Voicemails

__all__ = ["Faxes", "Messages", "Sms", "Voicemails"]
