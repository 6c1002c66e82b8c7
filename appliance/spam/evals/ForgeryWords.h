// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/relays/HopLine.h"

#include <QtCore/QByteArrayView>

#include <initializer_list>

namespace portcullis::spam {

class MessageText;

/// Whether something follows any place where `start` stands.
bool anywhere(QByteArrayView text, QByteArrayView start, auto follows)
{
    HopLine at(text);
    while (at.through(start)) {
        if (follows(at)) {
            return true;
        }
    }
    return false;
}

/// Whether there is an IP address.
bool hasAnyAddress(QByteArrayView text);
/// "a.hotmail.com" and "hotmail.com", not "nothotmail.com".
bool isHostOf(QByteArrayView host, QByteArrayView domain);
bool isBelow(QByteArrayView host, QByteArrayView domain);
/// The author's address is at the domain, or at one that ends so after a dot, a hyphen, an "@" …
bool isSenderAt(MessageText &text, QByteArrayView domain);
/// The word has ".domain" followed by its end or a closing parenthesis; something is before the dot.
bool namesHostBelow(QByteArrayView word, std::initializer_list<QByteArrayView> domains);

}  // namespace portcullis::spam
