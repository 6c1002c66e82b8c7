// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/DirectiveTable.h"

#include <QtCore/QHash>
#include <QtCore/QSet>

namespace portcullis::spam {

namespace {

constexpr DirectiveKind directiveKinds[] = {
    {"required_score", Shape::Number, ""},
    {"welcomelist_from", Shape::Words, ""},
    {"welcomelist_from_rcvd", Shape::Words, ""},
    {"def_welcomelist_from_rcvd", Shape::Words, ""},
    {"welcomelist_allows_relays", Shape::Words, ""},
    {"blocklist_from", Shape::Words, ""},
    {"welcomelist_to", Shape::Words, ""},
    {"more_spam_to", Shape::Words, ""},
    {"all_spam_to", Shape::Words, ""},
    {"blocklist_to", Shape::Words, ""},
    {"welcomelist_auth", Shape::Words, ""},
    {"def_welcomelist_auth", Shape::Words, ""},
    {"enlist_uri_host", Shape::Text, ""},
    {"enlist_addrlist", Shape::Text, ""},
    {"rewrite_header", Shape::Text, ""},
    {"subjprefix", Shape::Pair, ""},
    {"add_header", Shape::Text, ""},
    {"remove_header", Shape::Text, ""},
    {"clear_headers", Shape::Nothing, ""},
    {"report_safe", Shape::Number, ""},
    {"report_wrap_width", Shape::Number, ""},
    {"ok_locales", Shape::Text, ""},
    {"normalize_charset", Shape::Switch, ""},
    {"trusted_networks", Shape::Words, ""},
    {"clear_trusted_networks", Shape::Nothing, ""},
    {"internal_networks", Shape::Words, ""},
    {"clear_internal_networks", Shape::Nothing, ""},
    {"msa_networks", Shape::Words, ""},
    {"clear_msa_networks", Shape::Nothing, ""},
    {"originating_ip_headers", Shape::Words, ""},
    {"clear_originating_ip_headers", Shape::Nothing, ""},
    {"always_trust_envelope_sender", Shape::Switch, ""},
    {"skip_rbl_checks", Shape::Switch, ""},
    {"dns_available", Shape::Text, ""},
    {"dns_server", Shape::Text, ""},
    {"clear_dns_servers", Shape::Nothing, ""},
    {"dns_local_ports_permit", Shape::Text, ""},
    {"dns_local_ports_avoid", Shape::Text, ""},
    {"dns_local_ports_none", Shape::Nothing, ""},
    {"dns_test_interval", Shape::Duration, ""},
    {"dns_options", Shape::Text, ""},
    {"dns_query_restriction", Shape::Text, ""},
    {"clear_dns_query_restriction", Shape::Nothing, ""},
    {"dns_block_rule", Shape::Pair, ""},
    {"dns_block_time", Shape::Number, ""},
    {"use_learner", Shape::Switch, ""},
    {"use_bayes", Shape::Switch, ""},
    {"use_bayes_rules", Shape::Switch, ""},
    {"bayes_auto_learn", Shape::Switch, ""},
    {"bayes_token_sources", Shape::Text, ""},
    {"bayes_ignore_header", Shape::Text, ""},
    {"bayes_ignore_from", Shape::Words, ""},
    {"bayes_ignore_to", Shape::Words, ""},
    {"bayes_min_ham_num", Shape::Number, ""},
    {"bayes_min_spam_num", Shape::Number, ""},
    {"bayes_learn_during_report", Shape::Switch, ""},
    {"bayes_sql_override_username", Shape::Text, ""},
    {"bayes_use_hapaxes", Shape::Switch, ""},
    {"bayes_journal_max_size", Shape::Number, ""},
    {"bayes_expiry_max_db_size", Shape::Number, ""},
    {"bayes_auto_expire", Shape::Switch, ""},
    {"bayes_token_ttl", Shape::Duration, ""},
    {"bayes_seen_ttl", Shape::Duration, ""},
    {"bayes_learn_to_journal", Shape::Switch, ""},
    {"time_limit", Shape::Duration, ""},
    {"lock_method", Shape::Text, ""},
    {"fold_headers", Shape::Switch, ""},
    {"report_safe_copy_headers", Shape::Words, ""},
    {"envelope_sender_header", Shape::Text, ""},
    {"report_charset", Shape::Text, ""},
    {"report", Shape::Anything, ""},
    {"clear_report_template", Shape::Nothing, ""},
    {"report_contact", Shape::Text, ""},
    {"report_hostname", Shape::Text, ""},
    {"unsafe_report", Shape::Anything, ""},
    {"clear_unsafe_report_template", Shape::Nothing, ""},
    {"mbox_format_from_regex", Shape::Text, ""},
    {"parse_dkim_uris", Shape::Switch, ""},
    {"allow_user_rules", Shape::Switch, ""},
    {"redirector_pattern", Shape::Text, ""},
    {"body_part_scan_size", Shape::Number, ""},
    {"rawbody_part_scan_size", Shape::Number, ""},
    {"rbl_timeout", Shape::Text, ""},
    {"util_rb_tld", Shape::Text, ""},
    {"util_rb_2tld", Shape::Text, ""},
    {"util_rb_3tld", Shape::Text, ""},
    {"clear_util_rb", Shape::Nothing, ""},
    {"bayes_path", Shape::Text, ""},
    {"bayes_file_mode", Shape::Text, ""},
    {"bayes_store_module", Shape::Text, ""},
    {"bayes_sql_dsn", Shape::Text, ""},
    {"bayes_sql_username", Shape::Text, ""},
    {"bayes_sql_password", Shape::Text, ""},
    {"bayes_sql_username_authorized", Shape::Switch, ""},
    {"user_scores_dsn", Shape::Text, ""},
    {"user_scores_sql_username", Shape::Text, ""},
    {"user_scores_sql_password", Shape::Text, ""},
    {"user_scores_sql_custom_query", Shape::Text, ""},
    {"user_scores_ldap_username", Shape::Text, ""},
    {"user_scores_ldap_password", Shape::Text, ""},
    {"user_scores_fallback_to_global", Shape::Switch, ""},
    {"ignore_always_matching_regexps", Shape::Switch, ""},
    {"geodb_module", Shape::Text, ""},
    {"country_db_type", Shape::Text, ""},
    {"geodb_options", Shape::Text, ""},
    {"geodb_search_path", Shape::Words, ""},
    {"country_db_path", Shape::Text, ""},
    {"uri_country_db_path", Shape::Text, ""},
    {"uri_country_db_isp_path", Shape::Text, ""},
    {"asn_lookup", Shape::Text, "ASN"},
    {"asn_lookup_ipv6", Shape::Text, "ASN"},
    {"clear_asn_lookups", Shape::Nothing, "ASN"},
    {"asn_prefix", Shape::Text, "ASN"},
    {"asn_use_geodb", Shape::Switch, "ASN"},
    {"asn_prefer_geodb", Shape::Switch, "ASN"},
    {"asn_use_dns", Shape::Switch, "ASN"},
    {"use_auto_welcomelist", Shape::Switch, "AWL"},
    {"auto_welcomelist_factor", Shape::Number, "AWL"},
    {"auto_welcomelist_ipv4_mask_len", Shape::Number, "AWL"},
    {"auto_welcomelist_ipv6_mask_len", Shape::Number, "AWL"},
    {"user_awl_sql_override_username", Shape::Text, "AWL|TxRep"},
    {"auto_welcomelist_distinguish_signed", Shape::Switch, "AWL|TxRep"},
    {"auto_welcomelist_factory", Shape::Text, "AWL"},
    {"auto_welcomelist_path", Shape::Text, "AWL|TxRep"},
    {"auto_welcomelist_db_modules", Shape::Text, "AWL|TxRep"},
    {"auto_welcomelist_file_mode", Shape::Text, "AWL|TxRep"},
    {"user_awl_dsn", Shape::Text, "AWL|TxRep"},
    {"user_awl_sql_username", Shape::Text, "AWL|TxRep"},
    {"user_awl_sql_password", Shape::Text, "AWL|TxRep"},
    {"user_awl_sql_table", Shape::Text, "AWL|TxRep"},
    {"authres_networks", Shape::Text, "AuthRes"},
    {"authres_trusted_authserv", Shape::Text, "AuthRes"},
    {"authres_ignored_authserv", Shape::Text, "AuthRes"},
    {"bayes_auto_learn_threshold_nonspam", Shape::Number, "AutoLearnThreshold"},
    {"bayes_auto_learn_threshold_spam", Shape::Number, "AutoLearnThreshold"},
    {"bayes_auto_learn_on_error", Shape::Switch, "AutoLearnThreshold"},
    {"bayes_max_token_length", Shape::Number, "Bayes"},
    {"bayes_stopword_languages", Shape::Words, "Bayes"},
    {"use_dcc", Shape::Switch, "DCC"},
    {"use_dcc_rep", Shape::Switch, "DCC"},
    {"dcc_body_max", Shape::Number, "DCC"},
    {"dcc_fuz1_max", Shape::Number, "DCC"},
    {"dcc_fuz2_max", Shape::Number, "DCC"},
    {"dcc_rep_percent", Shape::Number, "DCC"},
    {"dcc_timeout", Shape::Duration, "DCC"},
    {"dcc_home", Shape::Text, "DCC"},
    {"dcc_dccifd_path", Shape::Text, "DCC"},
    {"dcc_path", Shape::Text, "DCC"},
    {"dcc_options", Shape::Text, "DCC"},
    {"dccifd_options", Shape::Text, "DCC"},
    {"dcc_learn_score", Shape::Number, "DCC"},
    {"welcomelist_from_dkim", Shape::Text, "DKIM"},
    {"def_welcomelist_from_dkim", Shape::Text, "DKIM"},
    {"adsp_override", Shape::Text, "DKIM"},
    {"dkim_minimum_key_bits", Shape::Number, "DKIM"},
    {"dkim_timeout", Shape::Duration, "DKIM"},
    {"dmarc_save_reports", Shape::Switch, "DMARC"},
    {"rbl_headers", Shape::Text, "DNSEval"},
    {"url_shortener", Shape::Text, "DecodeShortURLs"},
    {"url_shortener_get", Shape::Text, "DecodeShortURLs"},
    {"clear_url_shortener", Shape::Anything, "DecodeShortURLs"},
    {"url_shortener_cache_type", Shape::Text, "DecodeShortURLs"},
    {"url_shortener_cache_dsn", Shape::Text, "DecodeShortURLs"},
    {"url_shortener_cache_username", Shape::Text, "DecodeShortURLs"},
    {"url_shortener_cache_password", Shape::Text, "DecodeShortURLs"},
    {"url_shortener_cache_ttl", Shape::Number, "DecodeShortURLs"},
    {"url_shortener_cache_autoclean", Shape::Number, "DecodeShortURLs"},
    {"url_shortener_loginfo", Shape::Switch, "DecodeShortURLs"},
    {"url_shortener_timeout", Shape::Number, "DecodeShortURLs"},
    {"max_short_urls", Shape::Number, "DecodeShortURLs"},
    {"max_short_url_redirections", Shape::Number, "DecodeShortURLs"},
    {"url_shortener_user_agent", Shape::Text, "DecodeShortURLs"},
    {"extracttext_maxparts", Shape::Number, "ExtractText"},
    {"extracttext_timeout", Shape::Number, "ExtractText"},
    {"freemail_max_body_emails", Shape::Number, "FreeMail"},
    {"freemail_max_body_freemails", Shape::Number, "FreeMail"},
    {"freemail_skip_when_over_max", Shape::Number, "FreeMail"},
    {"freemail_skip_bulk_envfrom", Shape::Number, "FreeMail"},
    {"freemail_add_describe_email", Shape::Number, "FreeMail"},
    {"freemail_import_welcomelist_auth", Shape::Number, "FreeMail"},
    {"freemail_import_def_welcomelist_auth", Shape::Number, "FreeMail"},
    {"fns_add_addrlist", Shape::Words, "FromNameSpoof"},
    {"fns_remove_addrlist", Shape::Words, "FromNameSpoof"},
    {"fns_extrachars", Shape::Number, "FromNameSpoof"},
    {"fns_ignore_dkim", Shape::Text, "FromNameSpoof"},
    {"fns_ignore_headers", Shape::Text, "FromNameSpoof"},
    {"fns_check", Shape::Number, "FromNameSpoof"},
    {"hashbl_ignore", Shape::Text, "HashBL"},
    {"hashbl_email_domain_alias", Shape::Pair, "HashBL"},
    {"hashbl_email_regex", Shape::Text, "HashBL"},
    {"hashbl_email_welcomelist", Shape::Text, "HashBL"},
    {"olemacro_num_mime", Shape::Number, "OLEVBMacro"},
    {"olemacro_num_zip", Shape::Number, "OLEVBMacro"},
    {"olemacro_zip_depth", Shape::Number, "OLEVBMacro"},
    {"olemacro_extended_scan", Shape::Switch, "OLEVBMacro"},
    {"olemacro_prefer_contentdisposition", Shape::Switch, "OLEVBMacro"},
    {"olemacro_max_file", Shape::Number, "OLEVBMacro"},
    {"olemacro_exts", Shape::Text, "OLEVBMacro"},
    {"olemacro_macro_exts", Shape::Text, "OLEVBMacro"},
    {"olemacro_skip_exts", Shape::Text, "OLEVBMacro"},
    {"olemacro_skip_ctypes", Shape::Text, "OLEVBMacro"},
    {"olemacro_zips", Shape::Text, "OLEVBMacro"},
    {"olemacro_download_marker", Shape::Text, "OLEVBMacro"},
    {"trigger_target", Shape::Pair, "PhishTag"},
    {"trigger_config", Shape::Text, "PhishTag"},
    {"trigger_ratio", Shape::Number, "PhishTag"},
    {"phishing_openphish_feed", Shape::Text, "Phishing"},
    {"phishing_phishtank_feed", Shape::Text, "Phishing"},
    {"phishing_uri_noparam", Shape::Switch, "Phishing"},
    {"phishing_phishstats_feed", Shape::Text, "Phishing"},
    {"phishing_phishstats_minscore", Shape::Number, "Phishing"},
    {"use_pyzor", Shape::Switch, "Pyzor"},
    {"pyzor_count_min", Shape::Number, "Pyzor"},
    {"pyzor_max", Shape::Number, "Pyzor"},
    {"pyzor_welcomelist_min", Shape::Number, "Pyzor"},
    {"pyzor_welcomelist_factor", Shape::Number, "Pyzor"},
    {"pyzor_fork", Shape::Switch, "Pyzor"},
    {"pyzor_perl", Shape::Number, "Pyzor"},
    {"pyzor_timeout", Shape::Duration, "Pyzor"},
    {"pyzor_options", Shape::Text, "Pyzor"},
    {"pyzor_path", Shape::Text, "Pyzor"},
    {"pyzor_server_file", Shape::Text, "Pyzor"},
    {"use_razor2", Shape::Number, "Razor2"},
    {"razor_fork", Shape::Switch, "Razor2"},
    {"razor_timeout", Shape::Duration, "Razor2"},
    {"razor_config", Shape::Text, "Razor2"},
    {"resource_limit_mem", Shape::Number, "ResourceLimits"},
    {"resource_limit_cpu", Shape::Number, "ResourceLimits"},
    {"welcomelist_from_spf", Shape::Words, "SPF"},
    {"def_welcomelist_from_spf", Shape::Words, "SPF"},
    {"spf_timeout", Shape::Duration, "SPF"},
    {"ignore_received_spf_header", Shape::Switch, "SPF"},
    {"use_newest_received_spf_header", Shape::Switch, "SPF"},
    {"do_not_use_mail_spf", Shape::Switch, "SPF"},
    {"do_not_use_mail_spf_query", Shape::Switch, "SPF"},
    {"shortcircuit_spam_score", Shape::Number, "Shortcircuit"},
    {"shortcircuit_ham_score", Shape::Number, "Shortcircuit"},
    {"shortcircuit_min_ham_score", Shape::Number, "Shortcircuit"},
    {"shortcircuit_max_spam_score", Shape::Number, "Shortcircuit"},
    {"spamcop_from_address", Shape::Text, "SpamCop"},
    {"spamcop_to_address", Shape::Text, "SpamCop"},
    {"spamcop_max_report_size", Shape::Number, "SpamCop"},
    {"spamcop_relayhost", Shape::Text, "SpamCop"},
    {"ok_languages", Shape::Text, "TextCat"},
    {"inactive_languages", Shape::Text, "TextCat"},
    {"textcat_max_languages", Shape::Number, "TextCat"},
    {"textcat_optimal_ngrams", Shape::Number, "TextCat"},
    {"textcat_max_ngrams", Shape::Number, "TextCat"},
    {"textcat_acceptable_score", Shape::Number, "TextCat"},
    {"use_txrep", Shape::Switch, "TxRep"},
    {"txrep_factor", Shape::Number, "TxRep"},
    {"txrep_dilution_factor", Shape::Number, "TxRep"},
    {"txrep_expiry_days", Shape::Number, "TxRep"},
    {"txrep_learn_penalty", Shape::Number, "TxRep"},
    {"txrep_learn_bonus", Shape::Number, "TxRep"},
    {"txrep_autolearn", Shape::Number, "TxRep"},
    {"txrep_track_messages", Shape::Switch, "TxRep"},
    {"txrep_welcomelist_out", Shape::Number, "TxRep"},
    {"txrep_ipv4_mask_len", Shape::Number, "TxRep"},
    {"txrep_ipv6_mask_len", Shape::Number, "TxRep"},
    {"txrep_user2global_ratio", Shape::Number, "TxRep"},
    {"txrep_spf", Shape::Switch, "TxRep"},
    {"txrep_weight_email", Shape::Number, "TxRep"},
    {"txrep_weight_email_ip", Shape::Number, "TxRep"},
    {"txrep_weight_domain", Shape::Number, "TxRep"},
    {"txrep_weight_ip", Shape::Number, "TxRep"},
    {"txrep_weight_helo", Shape::Number, "TxRep"},
    {"txrep_report_details", Shape::Number, "TxRep"},
    {"txrep_factory", Shape::Text, "TxRep"},
    {"skip_uribl_checks", Shape::Switch, "URIDNSBL"},
    {"uridnsbl_skip_mailto", Shape::Switch, "URIDNSBL"},
    {"uridnsbl_max_domains", Shape::Number, "URIDNSBL"},
    {"uridnsbl", Shape::Text, "URIDNSBL"},
    {"uridnssub", Shape::Text, "URIDNSBL"},
    {"urirhsbl", Shape::Text, "URIDNSBL"},
    {"urirhssub", Shape::Text, "URIDNSBL"},
    {"urinsrhsbl", Shape::Text, "URIDNSBL"},
    {"urinsrhssub", Shape::Text, "URIDNSBL"},
    {"urifullnsrhsbl", Shape::Text, "URIDNSBL"},
    {"urifullnsrhssub", Shape::Text, "URIDNSBL"},
    {"uridnsbl_skip_domain", Shape::Text, "URIDNSBL"},
    {"clear_uridnsbl_skip_domain", Shape::Anything, "URIDNSBL"},
    {"uridnsbl_timeout", Shape::Text, "URIDNSBL"},
    {"uri_block_cc", Shape::Pair, "URILocalBL"},
    {"uri_block_cont", Shape::Pair, "URILocalBL"},
    {"uri_block_isp", Shape::Pair, "URILocalBL"},
    {"uri_block_cidr", Shape::Pair, "URILocalBL"},
    {"uri_block_exclude", Shape::Pair, "URILocalBL"},
    {"welcomelist_bounce_relays", Shape::Words, "VBounce"},
    {"welcomelist_subject", Shape::Words, "WelcomeListSubject"},
    {"blocklist_subject", Shape::Words, "WelcomeListSubject"},
    {"freemail_domains", Shape::Words, "FreeMail"},
    {"freemail_welcomelist", Shape::Words, "FreeMail"},
    {"extracttext_use", Shape::Text, "ExtractText"},
    {"extracttext_external", Shape::Text, "ExtractText"},
};

bool isDigits(QByteArrayView text)
{
    for (const char c : text) {
        if (c < '0' || c > '9') {
            return false;
        }
    }
    return !text.isEmpty();
}

/// "12", "12.", "12.5": digits, then perhaps a point and digits.
bool isDecimal(QByteArrayView text)
{
    const qsizetype point = text.indexOf('.');
    if (point < 0) {
        return isDigits(text);
    }
    return isDigits(text.first(point))
           && (point + 1 == text.size() || isDigits(text.sliced(point + 1)));
}

bool isDurationText(QByteArrayView text)
{
    if (!text.isEmpty() && QByteArrayView("smhdwSMHDW").contains(text.back())) {
        text = text.chopped(1).trimmed();
    }
    if (text.startsWith('+')) {
        text = text.sliced(1);
    }
    return isDecimal(text);
}

}  // namespace

const QList<QByteArray> &directiveNames()
{
    static const QList<QByteArray> names = [] {
        QList<QByteArray> all;
        for (const DirectiveKind &kind : directiveKinds) {
            all.append(kind.name);
        }
        return all;
    }();
    return names;
}

const DirectiveKind *findDirective(const QByteArray &key)
{
    static const QHash<QByteArray, const DirectiveKind *> kinds = [] {
        QHash<QByteArray, const DirectiveKind *> hash;
        for (const DirectiveKind &kind : directiveKinds) {
            hash.insert(kind.name, &kind);
        }
        return hash;
    }();
    if (const DirectiveKind *kind = kinds.value(key, nullptr)) {
        return kind;
    }
    // Families whose names end in a word of the administrator's.
    static constexpr DirectiveKind accessList{"hashbl_acl_", Shape::Words, "HashBL"};
    static constexpr DirectiveKind stopWords{"bayes_stopword_", Shape::Text, "Bayes"};
    if (key.startsWith(accessList.name)) {
        return &accessList;
    }
    return key.startsWith(stopWords.name) ? &stopWords : nullptr;
}

bool fitsShape(Shape shape, const QByteArray &value)
{
    switch (shape) {
    case Shape::Nothing:
        return value.isEmpty();
    case Shape::Anything:
        return true;
    case Shape::Text:
    case Shape::Words:
        return !value.isEmpty();
    case Shape::Pair:
        return value.simplified().contains(' ');
    case Shape::Number: {
        const bool hasSign = value.startsWith('-') || value.startsWith('+');
        return isDecimal(QByteArrayView(value).sliced(hasSign ? 1 : 0));
    }
    case Shape::Switch: {
        const QByteArray word = value.toLower();
        return word == "0" || word == "1" || word == "no" || word == "yes";
    }
    case Shape::Duration:
        return isDurationText(value);
    }
    return false;
}

bool isWithoutEffect(const QByteArray &key)
{
    static const QSet<QByteArray> names{"report",
                                        "clear_report_template",
                                        "unsafe_report",
                                        "clear_unsafe_report_template",
                                        "report_contact",
                                        "report_hostname",
                                        "report_charset",
                                        "report_safe",
                                        "report_safe_copy_headers",
                                        "report_wrap_width",
                                        "fold_headers",
                                        "add_header",
                                        "remove_header",
                                        "clear_headers",
                                        "rewrite_header",
                                        "lock_method",
                                        "bayes_path",
                                        "bayes_file_mode",
                                        "bayes_store_module",
                                        "bayes_sql_dsn",
                                        "bayes_sql_username",
                                        "bayes_sql_password",
                                        "bayes_sql_username_authorized",
                                        "bayes_sql_override_username",
                                        "bayes_learn_to_journal",
                                        "bayes_journal_max_size",
                                        "bayes_auto_expire",
                                        "user_scores_dsn",
                                        "user_scores_sql_username",
                                        "user_scores_sql_password",
                                        "user_scores_sql_custom_query",
                                        "user_scores_ldap_username",
                                        "user_scores_ldap_password",
                                        "user_scores_fallback_to_global",
                                        "user_awl_dsn",
                                        "user_awl_sql_username",
                                        "user_awl_sql_password",
                                        "user_awl_sql_table",
                                        "user_awl_sql_override_username",
                                        "auto_welcomelist_path",
                                        "auto_welcomelist_file_mode",
                                        "auto_welcomelist_factory",
                                        "auto_welcomelist_db_modules",
                                        "txrep_factory",
                                        "allow_user_rules",
                                        "mbox_format_from_regex",
                                        "dns_local_ports_permit",
                                        "dns_local_ports_avoid",
                                        "dns_local_ports_none",
                                        "dns_options",
                                        "razor_fork",
                                        "pyzor_fork",
                                        "pyzor_perl"};
    return names.contains(key);
}

}  // namespace portcullis::spam
