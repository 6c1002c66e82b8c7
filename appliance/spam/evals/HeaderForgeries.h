// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

class QByteArray;

/// Mail that claims to be from a large mail service whose Received fields are known.
namespace portcullis::spam {

class MessageText;

/// All Received fields in one line with single spaces.
QByteArray receivedInOneLine(MessageText &text);

bool hasFakeAolRelay(MessageText &text);
bool hasForgedHotmail(MessageText &text);   ///< Some host says to be hotmail.com and is not.
bool lacksHotmailRelay(MessageText &text);  ///< From hotmail.com, and not by way of it.
bool isFromMsnGroups(MessageText &text);
bool hasForgedEudoramail(MessageText &text);
bool hasForgedYahoo(MessageText &text);
bool hasForgedJuno(MessageText &text);
bool hasForgedGmail(MessageText &text);
bool hasForgedGateway05(MessageText &text);
/// Came by way of a list manager that removes Received fields, or has none.
bool passedReceivedRemover(MessageText &text);
bool hasUnusableMessageId(MessageText &text);

}  // namespace portcullis::spam
