"""Judge the authorize requests that apps send to LivePerson's Sentinel, and the logins that follow from them."""
