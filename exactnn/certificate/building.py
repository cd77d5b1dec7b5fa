"""What engines ask for, and no claim: how the checker reads networks, and what steps make of them."""

from ._laws import matched as matched
from ._models import read_models as read_models
from ._network import read_network as read_network
from ._transform import transformed as transformed
