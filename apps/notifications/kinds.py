from django.db import models


class ChannelKind(models.TextChoices):
    """How a message can reach somebody."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    WEBHOOK = "webhook", "Webhook"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    TELEGRAM = "telegram", "Telegram"
    DISCORD = "discord", "Discord"
    PUSHOVER = "pushover", "Pushover"
    PUSHBULLET = "pushbullet", "Pushbullet"
    WEB_PUSH = "web_push", "Browser"
    REQUEST = "request", "Custom request"
    APPRISE = "apprise", "Apprise"


class Style(models.TextChoices):
    """In whose words a route tells what happened."""

    DASHMON = "dashmon", "Dashmon"
    DASH = "dash", "Dash"
    NEZHA = "nezha", "Nezha"
    DOCKSTAT = "dockstat", "DockStat"
